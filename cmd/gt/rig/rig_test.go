package rig

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
	"gastown/planes/operational"
	"gastown/town"
)

// project makes a Town in a directory that is a Git repository.
func project(t *testing.T) (w gttest.Towns, repo string) {
	t.Helper()
	w = gttest.New(t, install.Commands, Commands)
	w.Env = []string{"HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com"}
	repo = filepath.Join(w.Dir, "alpha")
	for _, args := range [][]string{{"init", "-q", "-b", "main", repo}, {"-C", repo, "commit", "-q", "--allow-empty", "-m", "first"}} {
		cmd := exec.Command("git", args...)
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, w.Env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	w.Must("install", "alpha")
	return w, repo
}

// Hooks are installed where the Town's files are, and refused elsewhere before anything
// is cloned.
func TestAddWithHooks(t *testing.T) {
	w, repo := project(t)
	bare := filepath.Join(w.Dir, "web.git")
	if out, err := exec.Command("git", "clone", "-q", "--bare", repo, bare).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for url, want := range map[string]string{bare: "bare", "https://example.com/web.git": "not a directory of this machine"} {
		if code, _, stderr := w.Run("--town", "alpha", "rig", "add", "web", url, "--hooks"); code != shell.ExitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d: %s", url, code, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(repo, "rigs", "web")); err == nil {
		t.Error("something was cloned")
	}
	code, stdout, stderr := w.Run("--town", "alpha", "rig", "add", "web", repo, "--hooks")
	if code != 0 || !strings.Contains(stdout, "hook post-commit: ") {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	text, err := os.ReadFile(filepath.Join(repo, ".git", "hooks", "post-commit"))
	if err != nil || !strings.Contains(string(text), "hooks run") && !strings.Contains(string(text), "'hooks' 'run'") {
		t.Errorf("%s, %v", text, err)
	}
}

// A rig with an open merge request stays.
func TestRemoveWithAMergeRequest(t *testing.T) {
	w, repo := project(t)
	w.Must("--town", "alpha", "rig", "add", "web", repo)
	w.Operational("alpha", func(s *operational.Store) {
		nux := town.Address{Kind: town.Polecat, Rig: "web", Name: "nux"}
		a, err := s.Assign(t.Context(), operational.Order{Bead: "web-a1", Agent: nux}, time.Now())
		if err == nil {
			err = s.Submit(t.Context(), a.Ticket, operational.MergeRequest{Branch: "polecat/nux/web-a1", Head: strings.Repeat("a", 40), Target: "main"}, time.Now())
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	for _, args := range [][]string{{"web"}, {"web", "--force"}} {
		code, _, stderr := w.Run(append([]string{"--town", "alpha", "rig", "remove"}, args...)...)
		if code != shell.ExitRefused || !strings.Contains(stderr, "the merge request of web-a1 is open, polecat/nux/web-a1 at aaaaaaaaaaaa") {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
}
