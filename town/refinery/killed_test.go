package refinery

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/sync/gitcmd/gittest"
	"gastown/town"
	"gastown/town/lockfile"
	"gastown/town/polecat"
	"gastown/town/rig"
)

const (
	passFlag = "--pass-of-a-refinery"
	uuid     = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"
)

// home is the directory of a Town that processes use which are killed.
type home string

func (h home) options(plane string) doltdb.Options {
	return doltdb.Options{Dir: filepath.Join(string(h), plane), Home: filepath.Join(string(h), "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}
}

func (h home) yard() *rig.Yard {
	return &rig.Yard{Dir: filepath.Join(string(h), "rigs"), File: filepath.Join(string(h), "config", "rigs.yaml"), Town: "alpha",
		Lock: func(name string) string { return filepath.Join(string(h), "locks", name+".lock") },
		Git:  gitcmd.Options{Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1"}, Deadline: time.Minute}}
}

// open calls fn with the planes.
func (h home) open(ctx context.Context, fn func(*operational.Store, *ledger.Store) error) (err error) {
	o, err := operational.Open(ctx, h.options("operational"), uuid)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	l, err := ledger.Open(ctx, h.options("ledger"), uuid)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return fn(o, l)
}

// onePass is the process that merges. It says when it begins.
func onePass(dir string) error {
	h, ctx := home(dir), context.Background()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := h.yard().Open("web")
	if err != nil {
		return err
	}
	runner := &Runner{
		Name: "web", Tree: r.CheckTree, Dir: filepath.Join(dir, "refinery"), Logs: Logs{filepath.Join(dir, "refinery", "logs")},
		Base: []string{"PATH=" + os.Getenv("PATH")}, Launcher: []string{self}, Now: time.Now, Grace: 100 * time.Millisecond,
	}
	return h.open(ctx, func(o *operational.Store, l *ledger.Store) error {
		f := &Refinery{
			Rig: r.Settings, Clone: r, Check: runner.Check, Checks: Keys(runner.Base, r.Settings), Now: time.Now, Town: "alpha", Batch: 4, Parallel: 2,
			Rows:  func(_ context.Context, fn func(Store) error) error { return fn(o) },
			Beads: func(_ context.Context, fn func(Ledger) error) error { return fn(Beads{Store: l, Now: time.Now}) },
			Lock: func(ctx context.Context) (func() error, error) {
				lock, err := lockfile.Acquire(ctx, filepath.Join(dir, "locks", "refinery.lock"), lockfile.Options{Command: "test", Wait: time.Minute, Op: "merge"})
				if err != nil {
					return nil, err
				}
				return lock.Release, nil
			},
		}
		settle := &polecat.Controller{
			Rows:  func(_ context.Context, fn func(polecat.Store) error) error { return fn(o) },
			Beads: func(_ context.Context, fn func(polecat.Ledger) error) error { return fn(polecat.Beads{Store: l}) },
			Now:   time.Now, Actor: "test",
		}
		f.Settle = func(ctx context.Context) error {
			done, err := settle.Settle(ctx)
			return errors.Join(done.Err(), err)
		}
		fmt.Println("begins")
		_, err := f.Pass(ctx)
		return errors.Join(err, f.Settle(ctx))
	})
}

// The process that merges is killed at many points. The next one goes on: the target
// never moves back and never has a commit that does not pass, each request gets the end
// that it would have got, and people are told once.
func TestKilled(t *testing.T) {
	kills := 25
	if testing.Short() {
		kills = 6
	}
	dir := t.TempDir()
	h := home(dir)
	for _, d := range []string{"config", "locks", "refinery"} {
		must0(t, os.MkdirAll(filepath.Join(dir, d), 0o700))
	}
	git(t, dir, "init", "-q", "--bare", "-b", "main", "web.git")
	git(t, dir, "clone", "-q", "web.git", "hand")
	p := &place{world: newWorld(), remote: filepath.Join(dir, "web.git"), hand: filepath.Join(dir, "hand")}
	p.byHand(t, "a", "a\n")
	_, err := h.yard().Add(t.Context(), rig.Adding{Settings: rig.Settings{Name: "web", Prefix: "web", URL: p.remote, Merge: rig.MergeDirect,
		Checks: []rig.Check{{Name: "test", Command: []string{"sh", "-c", "sleep 0.03; test ! -e hang || kill -9 $$; test ! -e bad"}}}}})
	must0(t, err)
	for _, f := range []string{"one", "two", "bad", "three", "hang", "four", "a", "five"} {
		p.request(t, f, "mine\n")
	}
	p.byHand(t, "a", "theirs\n")
	o, err := operational.Create(t.Context(), h.options("operational"), uuid)
	must0(t, err)
	l, err := ledger.Create(t.Context(), h.options("ledger"), uuid)
	must0(t, err)
	for i, e := range p.epochs {
		m := *p.requests[e]
		_, err := l.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: m.Bead, Title: "do it", Priority: 2}}})
		must0(t, err)
		a, err := o.Assign(t.Context(), operational.Order{Bead: m.Bead, Agent: town.PolecatAddress("web", fmt.Sprintf("n%d", i))}, time.Now())
		must0(t, err)
		must0(t, o.Submit(t.Context(), a.Ticket, operational.MergeRequest{Branch: m.Branch, Head: m.Head, Target: "main", Priority: 2}, time.Now()))
	}
	must0(t, errors.Join(o.Close(), l.Close()))
	before := git(t, p.remote, "rev-parse", "main")
	sound := func() {
		t.Helper()
		git(t, p.remote, "merge-base", "--is-ancestor", before, "main") // fails the test otherwise
		before = git(t, p.remote, "rev-parse", "main")
		for _, commit := range strings.Fields(git(t, p.remote, "rev-list", "--first-parent", "main")) {
			if names := strings.Fields(git(t, p.remote, "ls-tree", "--name-only", commit)); slices.Contains(names, "bad") || slices.Contains(names, "hang") {
				t.Fatalf("main had %v", names)
			}
		}
	}
	self, err := os.Executable()
	must0(t, err)
	pass := func(killed bool) {
		t.Helper()
		cmd := exec.Command(self, passFlag, dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must0(t, err)
		must0(t, cmd.Start())
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil && !killed {
			t.Error(err)
		}
		if killed {
			time.Sleep(time.Duration(rand.IntN(900)) * time.Millisecond) // a random point
			_ = cmd.Process.Kill()
		}
		if err := cmd.Wait(); err != nil && !killed {
			t.Error(err)
		}
		sound()
	}
	for range kills {
		pass(true)
	}
	gittest.AgeLocks(t, dir)
	pass(false)
	must0(t, h.open(t.Context(), func(o *operational.Store, l *ledger.Store) error {
		all, _, err := o.Merges(t.Context(), "web", 100)
		slices.SortFunc(all, func(a, b operational.MergeRequest) int { return int(a.Epoch - b.Epoch) })
		got := ""
		for _, m := range all {
			got += string(m.State) + " "
		}
		if want := "landed landed failed landed held landed conflicted landed "; err != nil || got != want {
			t.Errorf("%s, want %s: %v", got, want, err)
		}
		told := 0
		err = l.List(t.Context(), ledger.Filter{Labels: []string{"escalation"}}, func(ledger.Item) error { told++; return nil })
		if err != nil || told != 1 {
			t.Errorf("%d escalations, %v", told, err)
		}
		said, err := l.Existing(t.Context(), []string{"web-3", "web-7", "web-1"}, nil)
		for _, b := range said {
			if want := map[string]int{"web-3": 1, "web-7": 1}[b.ID]; len(b.Comments) != want {
				t.Errorf("%s has %d comments, want %d", b.ID, len(b.Comments), want)
			}
		}
		return err
	}))
	for _, file := range []string{"one", "two", "three", "four", "five"} {
		if n := len(strings.Fields(git(t, p.remote, "log", "--format=%H", "--no-merges", "main", "--", file))); n != 1 {
			t.Errorf("%s came %d times", file, n)
		}
	}
	if got := git(t, p.remote, "show", "main:a"); got != "theirs" {
		t.Errorf("a has %q", got)
	}
}

func must0(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
