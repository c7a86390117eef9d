package federation

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/e2e/gitserver"
)

// An init whose push did not arrive goes on by itself. The remote at which the Town may
// have published stays in the configuration.
func TestInitThatDidNotArriveGoesOn(t *testing.T) {
	w := newTowns(t)
	repo := filepath.Join(w.Dir, "town.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	server, err := gitserver.HTTP(repo, gitserver.HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	w.Must("install", "alpha")
	server.Once(gitserver.DropBefore)
	w.Must("--town", "alpha", "federation", "init", server.URL(), "--yes")
	if _, out, _ := w.Run("--town", "alpha", "federation", "remote", "list"); !strings.Contains(out, server.URL()) {
		t.Errorf("the remote is gone: %q", out)
	}
	w.Must("--town", "alpha", "federation", "sync")
}

// A join that cannot publish still reports the state of the Town, and the next sync
// completes it.
func TestJoinThatCannotPublishTellsWhatItDid(t *testing.T) {
	w := newTowns(t)
	repo := filepath.Join(w.Dir, "town.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.Must("install", "alpha")
	w.Must("--town", "alpha", "federation", "init", repo, "--yes")
	w.Must("install", "beta")
	w.Write("beta/federation/roles/crier.md", "---\nname: crier\ndescription: d\n---\n\nOf beta.\n")
	hook := filepath.Join(repo, "hooks", "pre-receive")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, said := w.Run("--town", "beta", "federation", "join", repo, "--yes")
	if code != shell.ExitFailed || !strings.Contains(out, "joined the federation") || !strings.Contains(out, "is kept in ") || strings.Contains(out, "published") {
		t.Errorf("exit %d: %s\n%s", code, out, said)
	}
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	w.Must("--town", "beta", "federation", "sync")
	w.Must("--town", "alpha", "federation", "pull")
	if _, err := os.Stat(filepath.Join(w.Dir, "alpha/federation/roles/crier.md")); err != nil {
		t.Error(err)
	}
}
