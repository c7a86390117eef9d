package cli

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/gitserver"
)

// A remote the Town may have published at stays in the configuration, and the
// same command goes on there.
func TestInitOfUnknownOutcomeKeepsTheRemote(t *testing.T) {
	w := towns{t, t.TempDir()}
	repo := filepath.Join(w.dir, "town.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	server, err := gitserver.HTTP(repo, gitserver.HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	w.must("install", "alpha")
	server.Once(gitserver.DropBefore)
	code, _, said := w.run("--town", "alpha", "federation", "init", server.URL(), "--yes")
	if code != exitFailed || !strings.Contains(said, "next: run it again") {
		t.Errorf("exit %d: %s", code, said)
	}
	if _, out, _ := w.run("--town", "alpha", "federation", "remote", "list"); !strings.Contains(out, server.URL()) {
		t.Errorf("the remote is gone: %q", out)
	}
	w.must("--town", "alpha", "federation", "init", server.URL(), "--yes")
	w.must("--town", "alpha", "federation", "sync")
}
