package doctor

import (
	"encoding/json"
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
	"gastown/cmd/internal/shell"
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
