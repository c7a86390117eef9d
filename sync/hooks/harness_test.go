package hooks

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gastown/sync/gitcmd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// repo is a person's repository beside a program that stands in for gt and records
// how it was called.
type repo struct {
	t   testing.TB
	dir string
	gt  string
	log string
}

// awkward is part of every path of these tests.
const awkward = `it's a "dir" $HOME`

func newRepo(t testing.TB, args ...string) *repo {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	base = filepath.Join(base, awkward)
	r := &repo{t: t, dir: filepath.Join(base, "repo"), gt: filepath.Join(base, "bin", "gt"), log: filepath.Join(base, "called")}
	r.run("/", append(append([]string{"init", "-q", "-b", "main"}, args...), r.dir)...)
	// The file is complete before it gets its name, so that it is never read half
	// written.
	r.write(r.gt, 0o700, "#!/bin/sh\n{ printf '%s\\n' \"$PWD\" \"$@\"; cat; } >'"+strings.ReplaceAll(r.log, "'", `'\''`)+
		"'.$$ && mv '"+strings.ReplaceAll(r.log, "'", `'\''`)+"'.$$ '"+strings.ReplaceAll(r.log, "'", `'\''`)+"'\n")
	return r
}

// git runs git in the repository and returns what it printed.
func (r *repo) git(args ...string) string { r.t.Helper(); return r.run(r.dir, args...) }

func (r *repo) run(dir string, args ...string) string {
	r.t.Helper()
	out, err := r.try(dir, args...)
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(out)
}

func (r *repo) try(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (r *repo) write(path string, mode os.FileMode, text string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) read(path string) string {
	r.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func (r *repo) place() gitcmd.Place {
	r.t.Helper()
	p, err := gitcmd.Locate(r.t.Context(), r.dir, gitcmd.Options{Env: os.Environ()})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *repo) hooks() Directory {
	r.t.Helper()
	d, err := Find(r.place())
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *repo) scripts(names ...string) (all []Script) {
	for _, n := range names {
		all = append(all, Script{Name: n, Program: r.gt, Args: []string{"--town", awkward, "run"}})
	}
	return all
}

// install installs hooks and fails the test when it cannot.
func (r *repo) install(names ...string) []Change {
	r.t.Helper()
	changes, err := r.hooks().Install(r.t.Context(), r.scripts(names...))
	if err != nil {
		r.t.Fatal(err)
	}
	return changes
}

// called waits until the program was started and returns its directory, its
// arguments and its input, one a line.
func (r *repo) called() []string {
	r.t.Helper()
	await(r.t, "gt was not started", func() bool { _, err := os.Stat(r.log); return err == nil })
	text := r.read(r.log)
	if err := os.Remove(r.log); err != nil {
		r.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// await waits for a condition.
func await(t testing.TB, otherwise string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Minute)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(otherwise)
		}
	}
}
