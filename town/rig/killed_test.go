package rig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/sync/gitcmd"
	"gastown/sync/gitcmd/gittest"
)

// killedEnv makes the test's program do, for ever, what a Town does with one sandbox.
const killedEnv = "GT_TEST_RIG_YARD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedEnv); dir != "" {
		fmt.Println(work(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func yardAt(dir string) *Yard {
	return &Yard{Dir: filepath.Join(dir, "rigs"), File: filepath.Join(dir, "config", "rigs.yaml"), Town: "alpha",
		Lock: func(name string) string { return filepath.Join(dir, "locks", name+".lock") },
		Git:  gitcmd.Options{Env: environment(), Deadline: 10 * time.Minute, Idle: 5 * time.Minute}}
}

// work prepares, fills, saves and removes a sandbox until it is killed. Before a content
// is written its id goes into a journal, and after it was written again.
func work(dir string) error {
	ctx := context.Background()
	r, err := yardAt(dir).Open("web")
	if err != nil {
		return err
	}
	journal, err := os.OpenFile(filepath.Join(dir, "journal"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if err := r.Sweep(ctx); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		if err := r.AddToPool(ctx); err != nil {
			return fmt.Errorf("pool: %w", err)
		}
		s, err := r.Prepare(ctx, Want{Name: "nux", Branch: fmt.Sprintf("polecat/nux/web-%d", n%3), UsePool: n%2 == 0, Fresh: -1})
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		text := fmt.Sprintf("%d %d\n", os.Getpid(), n)
		if err := os.WriteFile(filepath.Join(s.Dir, "new"), []byte(text), 0o600); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(journal, gitcmd.BlobID([]byte(text))); err != nil {
			return err
		}
		if n%3 == 0 {
			continue // Prepare rescues it
		}
		if _, err := r.Rescue(ctx, s, "a test"); err != nil {
			return fmt.Errorf("rescue: %w", err)
		}
		if err := r.Remove(ctx, s); err != nil {
			return fmt.Errorf("remove: %w", err)
		}
	}
}

// A process that is killed at any moment loses nothing, and the next goes on. Everything
// that was ever written is at the remote or still in the sandbox.
func TestKilled(t *testing.T) {
	kills := 25
	if testing.Short() {
		kills = 8
	}
	url := remote(t)
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "config"), 0o700))
	y := yardAt(dir)
	if _, err := y.Add(t.Context(), Adding{Settings: Settings{Name: "web", URL: url}}); err != nil {
		t.Fatal(err)
	}
	r, err := y.Open("web")
	must(t, err)
	self, err := os.Executable()
	must(t, err)
	for range kills {
		gittest.AgeLocks(t, r.path("repo.git"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(1500))*time.Millisecond)
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(environment(), killedEnv+"="+dir)
		out, _ := cmd.CombinedOutput()
		cancel()
		if len(out) > 0 {
			t.Fatalf("it ended by itself: %s", out)
		}
	}
	later := time.Now().Add(time.Hour) // what was left a moment ago may still be in use
	r.yard.Now = func() time.Time { return later }
	must(t, r.Sweep(t.Context()))
	if s, err := r.Sandbox(t.Context(), Polecats, "nux"); err == nil {
		if _, err := r.Rescue(t.Context(), s, "the end"); err != nil {
			t.Fatal(err)
		}
		must(t, r.Remove(t.Context(), s))
	}
	have := held(t, url)
	journal, err := os.ReadFile(filepath.Join(dir, "journal"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, id := range strings.Fields(string(journal)) {
		if !have[id] {
			t.Errorf("%s is lost", id)
		}
	}
	t.Logf("%d contents", len(strings.Fields(string(journal))))
	nothingLeft(t, r)
}

// What a killed process left of a tree, without its place, is forgotten once nobody can
// be at work on it. Commits that only it holds are rescued.
func TestSweepForgetsWhatWasHalfRemoved(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	git(t, s.Dir, "checkout", "-q", "--detach")
	write(t, filepath.Join(s.Dir, "only.txt"), "here\n")
	git(t, s.Dir, "add", "only.txt")
	git(t, s.Dir, "commit", "-q", "-m", "only here")
	id := git(t, s.Dir, "rev-parse", "HEAD")
	admins, err := r.linked()
	must(t, err)
	must(t, os.RemoveAll(s.Dir))
	must(t, os.Remove(filepath.Join(admins[0].dir, "gitdir")))
	must(t, r.Sweep(t.Context()))
	if now, err := r.linked(); err != nil || len(now) != 1 {
		t.Errorf("forgotten at once: %v, %v", now, err)
	}
	later := time.Now().Add(time.Hour)
	r.yard.Now = func() time.Time { return later }
	must(t, r.Sweep(t.Context()))
	if now, err := r.linked(); err != nil || len(now) != 0 {
		t.Errorf("still known: %v, %v", now, err)
	}
	if !held(t, url)[id] {
		t.Error("the commit is not at the remote")
	}
}
