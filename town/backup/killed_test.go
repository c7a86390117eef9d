package backup

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gastown/planes/doltdb/copies"
)

// histories is how many processes are killed while they work on backups, and how many runs
// meet a full disk.
var histories = flag.Int("histories", 45, "how many processes TestKilledAnywhere kills, and how many runs of TestFullDisk meet one")

// The test runs its own binary as a process that is killed between two steps.
const (
	childRoot = "GT_TEST_BACKUP_ROOT"
	childDo   = "GT_TEST_BACKUP_DO"
	childStep = "GT_TEST_BACKUP_STEP"
)

// opened is the harness of a Town that is there already.
func opened(t *testing.T, root string) *harness {
	t.Helper()
	h := &harness{t: t, root: root, dest: filepath.Join(root, "dest")}
	h.Keeper = keeperAt(h)
	for _, name := range planeNames {
		h.Planes = append(h.Planes, Source{Source: copies.Source{Name: name, Dir: h.plane(name)}, Store: "store-" + name})
	}
	h.Now = time.Now
	return h
}

// TestChild does one thing and ends by itself at a step.
func TestChild(t *testing.T) {
	root := os.Getenv(childRoot)
	if root == "" {
		t.Skip("it is for a process of its own")
	}
	h := opened(t, root)
	left, err := strconv.Atoi(os.Getenv(childStep))
	if err != nil {
		t.Fatal(err)
	}
	h.step = func(string) {
		if left--; left < 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it arrives
		}
	}
	do := strings.Fields(os.Getenv(childDo))
	switch do[0] {
	case "take":
		_, err = h.Take(t.Context(), Databases, true)
	case "files":
		var e Entry
		if e, err = h.Choose(t.Context(), h.to(), Files, "", time.Time{}); err == nil {
			_, err = h.RestoreFiles(t.Context(), h.to(), e, false)
		}
	case "restore":
		_, err = h.Restore(t.Context(), h.to(), h.entry(do[1]), "")
	case "verify":
		_, err = h.Verify(t.Context(), h.to(), do[1], true)
	case "prune":
		h.Retention = Retention{Databases: time.Nanosecond}
		_, err = h.Prune(t.Context())
		if err == nil {
			real := h.Now
			h.Now = func() time.Time { return real().Add(2 * grace) }
			_, err = h.Prune(t.Context())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// child runs one thing in a process that is killed at a step, or after a time. It
// reports whether the process came to its end.
func child(t *testing.T, root, do string, step int, after time.Duration) (ended bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childRoot+"="+root, childDo+"="+do, childStep+"="+strconv.Itoa(step))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
		return false
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", do, err, out.String())
	}
	return true
}

// A process may be killed anywhere while it takes, proves, prunes or restores. The newest
// proven point restores then, and so does every point that is listed as whole; the Town
// is the old one or the new one, with all of its planes.
func TestKilledAnywhere(t *testing.T) {
	histories := *histories
	if testing.Short() {
		histories = 12
	}
	h := newHarness(t)
	h.Now = time.Now
	h.take(Databases)
	random := rand.New(rand.NewPCG(1, uint64(os.Getpid())))
	rows, killed := 0, 0
	for n := range histories {
		rows++
		h.put(fmt.Sprintf("row %04d", rows))
		before := h.names("ledger")
		all, err := h.List(t.Context(), h.to())
		if err != nil {
			t.Fatal(err)
		}
		chosen := all[random.IntN(len(all))]
		do := []string{"take", "take", "restore " + chosen.Name, "verify " + chosen.Name, "prune"}[random.IntN(5)]
		step, after := random.IntN(8), time.Minute
		if n%2 == 0 {
			step, after = 1000, time.Duration(random.IntN(100))*time.Millisecond
		}
		if !child(t, h.root, do, step, after) {
			killed++
		}
		// The Town is the old one or the new one.
		ledger, operational := h.names("ledger"), h.names("operational")
		if !slices.Equal(ledger, operational) {
			t.Fatalf("%s, killed at step %d: the planes are of different points: %q and %q", do, step, ledger, operational)
		}
		if !slices.Equal(ledger, before) && !strings.HasPrefix(do, "restore") {
			t.Fatalf("%s changed the Town", do)
		}
		if all, err = h.List(t.Context(), h.to()); err != nil {
			t.Fatal(err)
		}
		proven := false
		for i, e := range all {
			if e.Fault != nil {
				t.Fatalf("%s, killed at step %d: %v", do, step, e.Fault)
			}
			proven = proven || !e.Proven.IsZero()
			if i == len(all)-1 || i == random.IntN(len(all)) {
				if _, err := h.Verify(t.Context(), h.to(), e.Name, true); err != nil {
					t.Fatalf("%s, killed at step %d: %v", do, step, err)
				}
			}
		}
		if n > 0 && !proven {
			t.Fatalf("%s: no proven point is left", do)
		}
	}
	h.restore("", "")
	t.Logf("%d of %d processes were killed before their end", killed, histories)
	if killed < histories/4 {
		t.Error("too few were killed")
	}
	if err := os.RemoveAll(h.Retired); err != nil {
		t.Error(err)
	}
}

// A restore of files that is killed after it has begun is finished by whoever comes next;
// before that it has changed nothing.
func TestKilledRestoreOfFiles(t *testing.T) {
	h := newHarness(t)
	h.Now = time.Now
	for n := range 5 {
		h.write(fmt.Sprintf("federation/roles/%d.md", n), "meant")
	}
	h.take(Files)
	read := func(n int) string {
		text, err := os.ReadFile(filepath.Join(h.Root, fmt.Sprintf("federation/roles/%d.md", n)))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for step := range 9 {
		for n := range 5 {
			h.write(fmt.Sprintf("federation/roles/%d.md", n), "not meant")
		}
		child(t, h.root, "files", step, time.Minute)
		_, err := os.Stat(h.pendingFile())
		begun := err == nil || read(0) == "meant"
		if _, err := h.Prune(t.Context()); err != nil { // any use of the keeper
			t.Fatal(err)
		}
		for n := range 5 {
			want := map[bool]string{true: "meant", false: "not meant"}[begun]
			if got := read(n); got != want {
				t.Errorf("killed at step %d: file %d is %q, want %q", step, n, got, want)
			}
		}
	}
}
