package e2e

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/town/layout"
)

// killPoints is the number of moments at which a command is killed.
const killPoints = 16

// person types commands in a directory.
type person struct {
	t   *testing.T
	dir string
}

func (p person) command(ctx context.Context, args ...string) *exec.Cmd {
	p.t.Helper()
	c := exec.CommandContext(ctx, filepath.Join(bin, "gt"), args...)
	c.Dir = p.dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GT_ROOT=", "TMPDIR="+p.t.TempDir())
	return c
}

// gt runs a command that must succeed and returns what it printed.
func (p person) gt(args ...string) string {
	p.t.Helper()
	out, err := p.command(p.t.Context(), args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("gt %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// killed runs a command and kills it at the given time. hit reports whether the
// command was still running. If it was not, lasts is shortened to how long the command
// took: the machine was slower when that was measured.
func (p person) killed(after time.Duration, lasts *time.Duration, args ...string) (hit bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), after)
	defer cancel()
	began := time.Now()
	err := p.command(ctx, args...).Run()
	if err == nil {
		*lasts = min(*lasts, time.Since(began))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, context.DeadlineExceeded) {
		p.t.Fatal(err)
	}
	if exit != nil && exit.Exited() {
		p.t.Fatalf("gt %s ended by itself with %v", strings.Join(args, " "), exit)
	}
	return err != nil
}

// took returns how long a command takes.
func took(fn func()) time.Duration {
	began := time.Now()
	fn()
	return time.Since(began)
}

// When an installation is killed at any moment, the next one completes it. The Town
// is then like one that was installed without a kill.
func TestInstallKilledAnywhere(t *testing.T) {
	p := person{t, t.TempDir()}
	whole := took(func() { p.gt("install", "whole") })
	want, err := readTree(filepath.Join(p.dir, "whole", "federation"))
	if err != nil {
		t.Fatal(err)
	}
	hits := 0
	for i := range killPoints {
		name := "town-" + string(rune('a'+i))
		after := whole * time.Duration(i+1) / (killPoints - 2)
		if p.killed(after, &whole, "install", name) {
			hits++
		}
		again := whole // the second one has less to do
		p.killed(after/2, &again, "install", name)
		p.gt("install", name)
		if said := p.gt("install", name); !strings.Contains(said, "nothing is missing") {
			t.Errorf("killed after %v, the third installation says %s", after, said)
		}
		if said := p.gt("--town", name, "federation", "status"); !strings.Contains(said, "Nothing to record, nothing to review") {
			t.Errorf("killed after %v: %s", after, said)
		}
		got, err := readTree(filepath.Join(p.dir, name, "federation"))
		if err != nil {
			t.Fatal(err)
		}
		for path, text := range want {
			if got[path] != text {
				t.Errorf("killed after %v: %s differs", after, path)
			}
		}
		if len(got) != len(want) {
			t.Errorf("killed after %v: %d files, want %d", after, len(got), len(want))
		}
		left, err := filepath.Glob(filepath.Join(layout.Town{Root: filepath.Join(p.dir, name)}.Private(), "data", ".*"))
		if err != nil || len(left) > 0 {
			t.Errorf("killed after %v: left %q, %v", after, left, err)
		}
	}
	if hits < killPoints/4 {
		t.Errorf("only %d of %d were killed before they were done", hits, killPoints)
	}
}

// When a join is killed at any moment, the next join completes it. The remote is
// configured once, the files are the federation's, and texts that only this Town had
// are published.
func TestJoinKilledAnywhere(t *testing.T) {
	p := person{t, t.TempDir()}
	hub := filepath.Join(p.dir, "hub.git")
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", "--bare", hub).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.gt("install", "first")
	p.gt("--town", "first", "federation", "init", hub, "--yes")
	prepare := func(name string) {
		p.gt("install", name)
		text := "---\nname: " + name + "\ndescription: Only here\n---\n"
		if err := os.WriteFile(filepath.Join(p.dir, name, "federation", "roles", name+".md"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	prepare("whole")
	whole := took(func() { p.gt("--town", "whole", "federation", "join", hub, "--yes") })
	hits := 0
	for i := range killPoints {
		name := "town-" + string(rune('a'+i))
		prepare(name)
		after := whole * time.Duration(i+1) / (killPoints - 2)
		if p.killed(after, &whole, "--town", name, "federation", "join", hub, "--yes") {
			hits++
		}
		p.gt("--town", name, "federation", "status")
		p.gt("--town", name, "federation", "join", hub, "--yes")
		if said := p.gt("--town", name, "federation", "remote", "list"); strings.Count(said, hub) != 1 {
			t.Errorf("killed after %v, remotes: %s", after, said)
		}
		if _, err := os.Stat(layout.Town{Root: filepath.Join(p.dir, name)}.Joining()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("killed after %v, the join still counts as under way: %v", after, err)
		}
		p.gt("--town", "first", "federation", "sync")
		if _, err := os.Stat(filepath.Join(p.dir, "first", "federation", "roles", name+".md")); err != nil {
			t.Errorf("killed after %v: %v", after, err)
		}
		ours, err := readTree(filepath.Join(p.dir, name, "federation"))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := readTree(filepath.Join(p.dir, "first", "federation"))
		if err != nil {
			t.Fatal(err)
		}
		for path, text := range theirs {
			if ours[path] != text {
				t.Errorf("killed after %v: %s differs", after, path)
			}
		}
	}
	if hits < killPoints/4 {
		t.Errorf("only %d of %d were killed before they were done", hits, killPoints)
	}
}
