// Package gttest runs gt's commands in tests, with the test's own directory,
// environment and clock.
package gttest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/layout"
)

// Towns runs gt on Towns below one directory.
type Towns struct {
	T   testing.TB
	Dir string
	// Commands are the command groups of this gt.
	Commands []func(*shell.Program)
	// Env is added to the environment of the commands.
	Env []string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// New makes a directory for Towns.
func New(t testing.TB, commands ...func(*shell.Program)) Towns {
	return Towns{T: t, Dir: t.TempDir(), Commands: commands}
}

// Invocation is an ordinary invocation of gt.
func (w Towns) Invocation(args ...string) *shell.Invocation {
	now := w.Now
	if now == nil {
		now = time.Now
	}
	return &shell.Invocation{
		Program: "gt", Args: args, Dir: w.Dir, Env: append(shell.Environment{"PATH=" + os.Getenv("PATH")}, w.Env...),
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, User: os.Getuid(), Self: "/bin/true", Now: now,
	}
}

// Program describes gt for an invocation.
func (w Towns) Program(i *shell.Invocation) *shell.Program {
	p := shell.NewProgram(shell.Traits{Name: "gt", Advice: host.Advice, QuietReview: true}, i)
	p.Begin()
	for _, add := range w.Commands {
		add(p)
	}
	return p
}

// Run runs gt.
func (w Towns) Run(args ...string) (code int, stdout, stderr string) { return w.RunIn(w.Dir, args...) }

// RunIn runs gt in a directory.
func (w Towns) RunIn(dir string, args ...string) (code int, stdout, stderr string) {
	var out, errors bytes.Buffer
	i := w.Invocation(args...)
	i.Dir, i.Stdout, i.Stderr = dir, &out, &errors
	code = w.Program(i).Prepare().Run(w.T.Context())
	return code, out.String(), errors.String()
}

// Must runs gt and fails the test on an error other than open reviews.
func (w Towns) Must(args ...string) {
	w.T.Helper()
	if code, _, stderr := w.Run(args...); code != shell.ExitOK && code != shell.ExitReview {
		w.T.Fatalf("%v: exit %d: %s", args, code, stderr)
	}
}

// Write makes a file below the directory.
func (w Towns) Write(path, text string) {
	w.T.Helper()
	if err := os.WriteFile(filepath.Join(w.Dir, path), []byte(text), 0o600); err != nil {
		w.T.Fatal(err)
	}
}

// Operational opens the operational plane of a Town, whose directory is named relative to
// Dir, and closes it after fn.
func (w Towns) Operational(name string, fn func(*operational.Store)) {
	w.T.Helper()
	at := layout.Town{Root: filepath.Join(w.Dir, name)}
	cfg, err := config.Load(at.Config())
	if err != nil {
		w.T.Fatal(err)
	}
	s, err := operational.Open(w.T.Context(), host.Database(at, cfg, layout.Operational), cfg.Stores[layout.Operational])
	if err != nil {
		w.T.Fatal(err)
	}
	fn(s)
	if err := s.Close(); err != nil {
		w.T.Fatal(err)
	}
}
