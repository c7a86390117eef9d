// Package scratch makes Towns for tests of whole programs: each in a directory of its
// own, in an environment without this machine's configuration. When a test ends, nothing
// of its Towns is left: no process, no tmux server, no cgroup, no file.
package scratch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/e2e/internal/programs"
	"gastown/town/layout"
)

const (
	// Patience bounds a command, and every wait for a condition. Only a test that fails waits
	// so long: a machine may be slow, and busy with others.
	Patience = 4 * time.Minute
	poll     = 20 * time.Millisecond
)

// Binaries is the directory of the programs while Main runs.
var Binaries string

// Main runs tests with the programs and returns the exit code. It skips them when one
// of the named programs is not installed.
func Main(m *testing.M, needs ...string) int {
	for _, name := range needs {
		if _, err := exec.LookPath(name); err != nil {
			fmt.Println("skipped:", err)
			return 0
		}
	}
	dir, remove, err := programs.Dir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	Binaries = dir
	return m.Run()
}

// Dir is a directory for Towns, removed at the end with every process that names it. Its
// path is short because sockets need that.
func Dir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gts")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		trial.Kill(dir)
		_ = os.RemoveAll(dir)
	})
	return dir
}

// Town is a directory with a Town. A copy with another Root is another Town.
type Town struct {
	T *testing.T
	// Dir is the test's directory, Root the Town in it.
	Dir, Root string
	// In is where commands run; Dir when there is no such directory.
	In  string
	Env []string
}

// At is a Town that is not installed yet.
func At(t *testing.T, dir, name string) *Town {
	t.Helper()
	p := &Town{T: t, Dir: dir, Root: filepath.Join(dir, name), Env: []string{
		"PATH=" + Binaries + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir(), "LC_ALL=C", "SHELL=/bin/sh",
		"TMUX_TMPDIR=" + dir, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
	}}
	t.Cleanup(p.end)
	return p
}

// Install makes the Town. Its Deacon listens on a free port, and neither how full the
// machine's disk is nor how busy or slow the machine is decides anything.
func (p *Town) Install(name string, options ...string) {
	p.T.Helper()
	p.Must("gt", append([]string{"install", p.Root, "--name", name}, options...)...)
	for key, value := range map[string]string{
		"deacon.http_address": "127.0.0.1:0", "deacon.disk_warning": "100", "deacon.disk_critical": "100", "machine.check": "false",
		"deacon.latency_warning": "60000", "deacon.latency_critical": "60000",
	} {
		p.GT("config", key, value)
	}
}

// Layout has the Town's paths.
func (p *Town) Layout() layout.Town { return layout.Town{Root: p.Root} }

// Command is a program; gt and bd are told the Town.
func (p *Town) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	path := name
	if name == "gt" || name == "bd" {
		path = filepath.Join(Binaries, name)
		if len(args) == 0 || args[0] != "install" {
			args = append([]string{"--town", p.Root}, args...)
		}
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = p.Dir, p.Env
	if _, err := os.Stat(p.In); err == nil {
		cmd.Dir = p.In
	}
	return cmd
}

// Try runs a program to its end, and returns what it printed.
func (p *Town) Try(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cmd := p.Command(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// Must runs a program that succeeds.
func (p *Town) Must(name string, args ...string) string {
	p.T.Helper()
	out, err := p.Try(name, args...)
	if err != nil {
		p.T.Fatal(err)
	}
	return out
}

// GT, BD and Git run one of the programs, which succeeds.
func (p *Town) GT(args ...string) string  { p.T.Helper(); return p.Must("gt", args...) }
func (p *Town) BD(args ...string) string  { p.T.Helper(); return p.Must("bd", args...) }
func (p *Town) Git(args ...string) string { p.T.Helper(); return p.Must("git", args...) }

// Tmux calls the Town's tmux server.
func (p *Town) Tmux(args ...string) (string, error) {
	return p.Try("tmux", append([]string{"-S", p.Layout().Tmux(), "-f", os.DevNull}, args...)...)
}

// Exit is the exit code of an error of Try: 0 for none, -1 when the program did not run.
func Exit(err error) int {
	var e *exec.ExitError
	switch {
	case errors.As(err, &e):
		return e.ExitCode()
	case err != nil:
		return -1
	}
	return 0
}

// Await waits until something holds.
func Await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !holds(); time.Sleep(poll) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// Await waits until something holds.
func (p *Town) Await(what string, holds func() bool) { p.T.Helper(); Await(p.T, what, holds) }

// Write writes a file beside the Town.
func (p *Town) Write(name, text string) {
	p.T.Helper()
	if err := os.WriteFile(filepath.Join(p.Dir, name), []byte(text), 0o600); err != nil {
		p.T.Fatal(err)
	}
}

// Story is what happened, for a failure.
func (p *Town) Story() string {
	feed, _ := p.Try("gt", "feed", "--limit", "400")
	list, _ := p.Try("gt", "polecat", "list")
	log, _ := os.ReadFile(p.Layout().DeaconLog())
	return feed + "\n" + list + "\n" + string(log[max(0, len(log)-6000):])
}
