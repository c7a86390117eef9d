package rig

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/sync/gitcmd"
)

// git runs git as a person or agent would, and returns what it printed.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := try(dir, args...)
	if err != nil {
		t.Fatalf("git %v in %s: %v\n%s", args, dir, err, out)
	}
	return out
}

func try(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// environment is that of a person without any configuration.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_EDITOR=true",
		"GIT_AUTHOR_NAME=Nux", "GIT_AUTHOR_EMAIL=nux@example.org", "GIT_COMMITTER_NAME=Nux", "GIT_COMMITTER_EMAIL=nux@example.org"}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// remote makes a bare repository with one commit on main.
func remote(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "--bare", "-b", "main", "remote.git")
	git(t, dir, "clone", "-q", "remote.git", "seed")
	seed := filepath.Join(dir, "seed")
	write(t, filepath.Join(seed, "main.go"), "package main\n")
	write(t, filepath.Join(seed, "dir", "a.txt"), "a\n")
	write(t, filepath.Join(seed, "dir", "b.txt"), "b\n")
	write(t, filepath.Join(seed, ".gitignore"), "*.log\nbuild/\n")
	git(t, seed, "checkout", "-q", "-b", "main")
	git(t, seed, "add", "-A")
	git(t, seed, "commit", "-q", "-m", "first")
	git(t, seed, "push", "-q", "origin", "main")
	return filepath.Join(dir, "remote.git")
}

// yard makes a Town's yard in a directory of the test's.
func yard(t testing.TB, env ...string) *Yard {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"config", "locks"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return &Yard{Dir: filepath.Join(dir, "rigs"), File: filepath.Join(dir, "config", "rigs.yaml"), Town: "alpha",
		Lock: func(name string) string { return filepath.Join(dir, "locks", name+".lock") },
		Git:  gitcmd.Options{Env: append(environment(), env...), Deadline: 10 * time.Minute, Idle: 5 * time.Minute}}
}

// rig makes a rig called web of a remote.
func rig(t testing.TB, url string, merge Merge, env ...string) *Rig {
	t.Helper()
	y := yard(t, env...)
	if _, err := y.Add(t.Context(), Adding{Settings: Settings{Name: "web", URL: url, Merge: merge}}); err != nil {
		t.Fatal(err)
	}
	r, err := y.Open("web")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func prepare(t testing.TB, r *Rig, name, branch string) Sandbox {
	t.Helper()
	s, err := r.Prepare(t.Context(), Want{Name: name, Branch: branch, Fresh: -1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// held lists every object that the refs of a repository lead to.
func held(t testing.TB, repo string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, line := range strings.Fields(git(t, repo, "rev-list", "--objects", "--no-object-names", "--all")) {
		all[line] = true
	}
	return all
}

func sorted(list []string) []string { slices.Sort(list); return list }
