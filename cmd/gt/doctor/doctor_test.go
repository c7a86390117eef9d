package doctor

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/cmd/gt/federation"
	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town/config"
	"gastown/town/layout"
)

// towns runs gt with the doctor.
type towns struct{ gttest.Towns }

func newTowns(t *testing.T) towns {
	return towns{gttest.New(t, install.Commands, federation.Commands, Commands)}
}

// doctored examines a Town at a given time and returns the findings.
func (w towns) doctored(now time.Time, args ...string) (out examined) {
	w.T.Helper()
	w.Now = func() time.Time { return now }
	code, stdout, stderr := w.Run(append([]string{"--json", "--wait", "50ms", "--town", "alpha", "doctor"}, args...)...)
	if err := json.Unmarshal([]byte(stdout), &out); err != nil {
		w.T.Fatalf("exit %d: %v: %s", code, err, stderr)
	}
	if (code == shell.ExitOK) != (out.Problems == 0) {
		w.T.Errorf("exit %d with %d problems", code, out.Problems)
	}
	return out
}

func (out examined) has(s severity, area, text string) bool {
	for _, f := range out.Findings {
		if f.Severity == s && f.Area == area && strings.Contains(f.What, text) {
			return true
		}
	}
	return false
}

// The doctor names the holder of a lock and does not wait for it. The doctor of a
// Town at work reports no problem.
func TestDoctorTellsWhoHoldsLocks(t *testing.T) {
	w := newTowns(t)
	w.Must("install", "alpha")
	path := filepath.Join(w.Dir, "alpha/.gt/data/ledger.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(`{"pid":1,"command":"gt something\u001b"}`), 0); err != nil {
		t.Fatal(err)
	}
	out := w.doctored(time.Now())
	if !out.has(note, "locks", "held by pid 1, gt something") || !out.has(note, "database", "the ledger plane was not examined") || out.Problems > 0 {
		t.Errorf("%+v", out.Findings)
	}
}

func TestDoctorKnowsTheClock(t *testing.T) {
	w := newTowns(t)
	w.Must("install", "alpha")
	if out := w.doctored(time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)); !out.has(problem, "clock", "1970-01-02") {
		t.Errorf("%+v", out.Findings)
	}
	if out := w.doctored(time.Now()); out.has(problem, "clock", "") || out.has(warning, "clock", "") {
		t.Errorf("%+v", out.Findings)
	}
}

// A repair that fails is reported with its finding, and the other repairs are made.
func TestDoctorGoesOnAfterAFailedRepair(t *testing.T) {
	w := newTowns(t)
	w.Must("install", "alpha")
	root := filepath.Join(w.Dir, "alpha")
	if err := os.Chmod(filepath.Join(root, ".gt"), 0o755); err != nil {
		t.Fatal(err)
	}
	// The doctor makes nothing beside a plane that cannot be opened.
	if err := os.Rename(filepath.Join(root, ".gt/data/ledger/.dolt"), filepath.Join(root, ".gt/kept")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "config/access.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, ".gt/index")); err != nil {
		t.Fatal(err)
	}
	w.Write("alpha/federation/roles/mayor.md", "no front matter")
	out := w.doctored(time.Now(), "--fix")
	failed := ""
	for _, f := range out.Findings {
		if strings.Contains(f.What, "index is missing") {
			failed = f.Failed
		}
	}
	if failed == "" || !out.has(problem, "database", "ledger") || !out.has(warning, "files", "mayor.md") || len(out.Fixed) == 0 {
		t.Errorf("fixed %+v, left %+v", out.Fixed, out.Findings)
	}
	if info, err := os.Stat(filepath.Join(root, ".gt")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if text, err := os.ReadFile(filepath.Join(root, "federation/roles/mayor.md")); err != nil || string(text) != "no front matter" {
		t.Errorf("%q, %v", text, err)
	}
}

// A schedule with which a Deacon would not start is reported before one starts.
func TestDoctorReadsTheSchedule(t *testing.T) {
	w := newTowns(t)
	w.Must("install", "alpha")
	if err := os.MkdirAll(filepath.Join(w.Dir, "alpha/deacon"), 0o700); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"jobs:\n  no-such-job:\n    jitter: 1s\n":         "no-such-job",
		"jobs:\n  gc:\n    schedule: \"61 25 * * *\"\n":   "line 3",
		"jobs:\n  checks:\n    deadline: 1000000h\n":      "deadline",
		"jobs:\n  gc:\n    schedule: \"0 0 30 2 *\"\n":    "never due",
		"jobs:\n  gc:\n    schedule: \"0 5 * * 0\"\n":     "",
		"jobs:\n  federation-sync:\n    enabled: false\n": "",
		"jobs:\n  refinery:\n    deadline: 2m\n":          "",
		"jobs:\n  backup:\n    deadline: 2h\n":            "",
	} {
		w.Write("alpha/deacon/schedule.yaml", text)
		if out := w.doctored(time.Now(), "--offline"); out.has(problem, "schedule", want) != (want != "") {
			t.Errorf("%q: %+v", text, out.Findings)
		}
	}
}

// A ledger that is made anew is empty. The sync after it takes back nothing that
// was shared before, unless a person agrees.
func TestALedgerMadeAnewAsksAgain(t *testing.T) {
	w := newTowns(t)
	repo := filepath.Join(w.Dir, "town.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.Must("install", "alpha")
	w.Must("--town", "alpha", "federation", "share", "add", "all", "--type", "bug")
	w.Must("--town", "alpha", "federation", "init", repo, "--yes")
	agreed := func() bool {
		data, err := os.ReadFile(filepath.Join(w.Dir, "alpha/.gt/remotes/origin/sync.json"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(data), "agreed")
	}
	if !agreed() {
		t.Fatal("the rule was not agreed to: the test proves nothing")
	}
	if err := os.RemoveAll(filepath.Join(w.Dir, "alpha/.gt/data/ledger")); err != nil {
		t.Fatal(err)
	}
	if out := w.doctored(time.Now(), "--fix", "--offline"); len(out.Fixed) == 0 || agreed() {
		t.Errorf("fixed %+v, and the rule still holds: %v", out.Fixed, agreed())
	}
}

// harm overwrites a place of the journal of a plane that was written when the
// journal had so many bytes.
func (w towns) harm(plane string, at int64) {
	w.T.Helper()
	f, err := os.OpenFile(filepath.Join(w.Dir, "alpha/.gt/data", plane, journal), os.O_WRONLY, 0)
	if err != nil {
		w.T.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 100), at+80); err != nil {
		w.T.Fatal(err)
	}
	if err := f.Close(); err != nil {
		w.T.Fatal(err)
	}
}

// journal is where a database has its newest writes.
const journal = ".dolt/noms/vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"

// prefixes writes so many commits into the ledger.
func (w towns) prefixes(n int) {
	w.T.Helper()
	t := layout.Town{Root: filepath.Join(w.Dir, "alpha")}
	cfg, err := config.Load(t.Config())
	if err != nil {
		w.T.Fatal(err)
	}
	s, err := ledger.Open(w.T.Context(), host.Database(t, cfg, layout.Ledger), cfg.Stores[layout.Ledger])
	if err != nil {
		w.T.Fatal(err)
	}
	for i := range n {
		if err := s.SetPrefix(w.T.Context(), fmt.Sprintf("rig%d", i), fmt.Sprintf("p%d", i)); err != nil {
			w.T.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		w.T.Fatal(err)
	}
}

func (w towns) journalSize(plane string) int64 {
	w.T.Helper()
	info, err := os.Stat(filepath.Join(w.Dir, "alpha/.gt/data", plane, journal))
	if err != nil {
		w.T.Fatal(err)
	}
	return info.Size()
}

// The doctor brings a plane back whose journal is damaged: as it was before the
// damage, and the damaged plane is retired. An operational plane of which nothing is
// left is made anew, and a ledger is then left alone.
func TestDoctorRevivesAPlane(t *testing.T) {
	for _, test := range []struct {
		plane        string
		early, fixed bool
	}{
		{"ledger", false, true}, {"ledger", true, false}, {"operational", true, true}, {"federation", false, true},
	} {
		t.Run(test.plane+map[bool]string{true: "-at-once"}[test.early], func(t *testing.T) {
			w := newTowns(t)
			w.Must("install", "alpha")
			size := int64(2000)
			if !test.early {
				size = w.journalSize(test.plane)
				for _, text := range []string{"a text", "another text", "a third text"} {
					w.Write("alpha/federation/templates/x.txt", text)
					w.Must("--town", "alpha", "federation", "commit")
				}
				w.prefixes(10)
			}
			w.harm(test.plane, size)
			before := w.doctored(time.Now(), "--offline")
			if !before.has(problem, "database", "the "+test.plane+" plane is damaged") {
				t.Fatalf("%+v", before.Findings)
			}
			after := w.doctored(time.Now(), "--offline", "--fix")
			retired, _ := os.ReadDir(filepath.Join(w.Dir, "alpha/.gt/retired"))
			if fixed := !after.has(problem, "database", test.plane); fixed != test.fixed || (len(retired) == 1) != test.fixed {
				t.Errorf("fixed: %v, retired %v: %+v", fixed, retired, after.Findings)
			}
			if test.plane == "federation" {
				w.Must("--town", "alpha", "federation", "commit")
				w.Must("--town", "alpha", "federation", "show", "template/x.txt")
			}
		})
	}
}
