package pool

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/sync/gitcmd"
	"gastown/town/rig"
)

type testHost struct {
	yard   *rig.Yard
	now    time.Time
	inputs string
}

func (h *testHost) Rigs() *rig.Yard         { return h.yard }
func (h *testHost) Log() logrus.FieldLogger { return logrus.New() }
func (h *testHost) Now() time.Time          { return h.now }
func (h *testHost) Inputs() string          { return h.inputs }

// The job makes what is missing, then has nothing to do; and it removes what a rig no
// longer wants. It rests while nothing changes: with a pool until a remote may be asked again,
// without one for longer.
func TestKeep(t *testing.T) {
	dir := t.TempDir()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b"}
	url := filepath.Join(dir, "web")
	for _, args := range [][]string{{"init", "-q", "-b", "main", url}, {"-C", url, "commit", "-q", "--allow-empty", "-m", "first"}} {
		cmd := exec.Command("git", args...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %s", args, out)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	yard := &rig.Yard{Dir: filepath.Join(dir, "rigs"), File: filepath.Join(dir, "config", "rigs.yaml"), Git: gitcmd.Options{Env: env},
		Lock: func(name string) string { return filepath.Join(dir, "locks", name) }}
	h := &testHost{yard: yard, now: time.Now()}
	p := New(h)
	changes := 0
	keep := func(want string) {
		t.Helper()
		changes++
		h.inputs = fmt.Sprint(changes)
		if got, err := p.run(t.Context()); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	rests := func(after time.Duration, want bool) {
		t.Helper()
		h.now = h.now.Add(after)
		if _, needed := p.Begin(); needed == want {
			t.Errorf("%s later it rests: %v", after, !needed)
		}
	}
	keep("")
	if _, err := yard.Add(t.Context(), rig.Adding{Settings: rig.Settings{Name: "web", URL: url, Merge: rig.MergeDirect}}); err != nil {
		t.Fatal(err)
	}
	keep("")
	if err := yard.SetPool(t.Context(), "web", 2); err != nil {
		t.Fatal(err)
	}
	keep("2 working tree(s) made, refreshed or removed")
	rests(0, false)
	keep("")
	rests(fresh-1, true)
	rests(1, false)
	if err := yard.SetPool(t.Context(), "web", 0); err != nil {
		t.Fatal(err)
	}
	keep("2 working tree(s) made, refreshed or removed")
	keep("")
	rests(2*fresh, true)
	h.inputs = "another"
	rests(0, false)
}
