package pool

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/feed"
	"gastown/town/rig"
)

type testHost struct {
	yard    *rig.Yard
	feed    *feed.Feed
	started chan string
}

func (h testHost) Rigs() *rig.Yard            { return h.yard }
func (h testHost) Log() logrus.FieldLogger    { return logrus.New() }
func (h testHost) Feed() *feed.Feed           { return h.feed }
func (h testHost) StartJob(name string) error { h.started <- name; return nil }

// The start of a session fills the pool at once; a pause ends watching.
func TestEventsWake(t *testing.T) {
	dir := t.TempDir()
	s, err := operational.Create(t.Context(), doltdb.Options{
		Dir: filepath.Join(dir, "operational"), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"},
	}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := testHost{started: make(chan string, 10), feed: feed.New(feed.Options{
		Operational: func(_ context.Context, fn func(*operational.Store) error) error { return fn(s) },
	})}
	p := New(h)
	if err := p.Pause(t.Context()); err != nil { // before the start
		t.Fatal(err)
	}
	p.Resume()
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer p.Stop(t.Context())
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		// The waker may skip to the end after the first of them.
		if err := h.feed.Append(t.Context(), feed.Event{At: time.Now(), Kind: operational.SessionStarted, Subject: "web/polecats/nux"}); err != nil {
			t.Fatal(err)
		}
		select {
		case name := <-h.started:
			if name != "pool" {
				t.Errorf("the job %q was started", name)
			}
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// The job makes what is missing, then has nothing to do; and it removes what a rig no
// longer wants.
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
	p := New(testHost{yard: yard})
	keep := func(want string) {
		t.Helper()
		if got, err := p.keep(t.Context()); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
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
	keep("")
	if err := yard.SetPool(t.Context(), "web", 0); err != nil {
		t.Fatal(err)
	}
	keep("2 working tree(s) made, refreshed or removed")
	keep("")
}
