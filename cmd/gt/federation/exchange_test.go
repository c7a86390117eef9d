package federation

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
)

// newTowns returns gt with the commands that the tests of this package need.
func newTowns(t *testing.T) gttest.Towns { return gttest.New(t, install.Commands, Commands) }

// A sync whose push fails still reports what was recorded and merged, how conflicts
// were resolved, and what waits for a person. The exit code is that of the failure.
func TestSyncTellsWhatItDidBeforeItFailed(t *testing.T) {
	w := newTowns(t)
	repo := filepath.Join(w.Dir, "town.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	role := func(text string) string { return "---\nname: crier\ndescription: d\n---\n\n" + text + "\n" }
	w.Must("install", "alpha")
	w.Write("alpha/federation/roles/crier.md", role("first"))
	w.Must("--town", "alpha", "federation", "init", repo, "--yes")
	w.Must("install", "beta")
	w.Must("--town", "beta", "federation", "join", repo, "--yes")
	w.Write("alpha/federation/roles/crier.md", role("of alpha"))
	w.Must("--town", "alpha", "federation", "sync")
	w.Write("beta/federation/roles/crier.md", role("of beta"))
	if err := os.WriteFile(filepath.Join(repo, "hooks", "pre-receive"), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, said := w.Run("--town", "beta", "federation", "sync")
	for _, want := range []string{"recorded 1 edit", "origin: 2 commits merged", "crier"} {
		if !strings.Contains(out, want) {
			t.Errorf("not told %q:\n%s", want, out)
		}
	}
	if code == shell.ExitOK || code == shell.ExitReview || strings.Contains(out, "published") || !strings.Contains(said, "1 review awaits a person") {
		t.Errorf("exit %d\n%s\n%s", code, out, said)
	}
	// A failure without any other result prints nothing else.
	if code, out, _ := w.Run("--town", "beta", "federation", "push"); code == shell.ExitOK || code == shell.ExitReview || out != "" {
		t.Errorf("exit %d: %s", code, out)
	}
}

// A file that cannot be recorded is found by the recording and by the push of each
// remote, and reported once.
func TestSyncTellsOfAFaultOnce(t *testing.T) {
	w := newTowns(t)
	w.Must("install", "alpha")
	for _, name := range []string{"origin", "second"} {
		repo := filepath.Join(w.Dir, name+".git")
		if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		w.Must("--town", "alpha", "federation", "init", repo, "--name", name, "--yes")
	}
	w.Write("alpha/federation/templates/good.txt", "an edit\n")
	w.Write("alpha/federation/roles/bad.md", "no header\n")
	code, out, said := w.Run("--town", "alpha", "federation", "sync")
	if code != shell.ExitOK || strings.Count(out, "Left alone until corrected") != 1 || strings.Count(out, "roles/bad.md") != 1 ||
		!strings.Contains(out, "recorded 1 edit") {
		t.Errorf("exit %d: %s%s", code, out, said)
	}
}

// A document that another program has open for writing is not invalid: there is nothing
// to correct.
func TestStatusTellsWhatIsBeingWritten(t *testing.T) {
	w := newTowns(t)
	w.Must("install", "alpha")
	w.Write("alpha/federation/templates/open.txt", "half of")
	f, err := os.OpenFile(filepath.Join(w.Dir, "alpha/federation/templates/open.txt"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	code, out, said := w.Run("--town", "alpha", "federation", "status")
	if code != shell.ExitOK || !strings.Contains(out, "Being written by another program") || !strings.Contains(out, "templates/open.txt") || strings.Contains(out, "corrected") {
		t.Errorf("exit %d: %s%s", code, out, said)
	}
	if _, out, _ := w.Run("--town", "alpha", "federation", "status", "--short"); !strings.Contains(out, "! templates/open.txt: being written") {
		t.Error(out)
	}
}

// Agreement with a remote ends when the remote is removed, even if it is added
// again.
func TestRemovedRemoteIsConfirmedAgain(t *testing.T) {
	w := newTowns(t)
	repo := filepath.Join(w.Dir, "town.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.Must("install", "alpha")
	w.Must("--town", "alpha", "federation", "init", repo, "--yes")
	w.Must("--town", "alpha", "federation", "remote", "remove", "origin")
	w.Must("--town", "alpha", "federation", "remote", "add", "origin", repo)
	if code, _, said := w.Run("--town", "alpha", "federation", "sync"); code != shell.ExitRefused || !strings.Contains(said, "nobody has confirmed") {
		t.Errorf("exit %d: %s", code, said)
	}
	w.Must("--town", "alpha", "federation", "join", repo, "--yes")
	w.Must("--town", "alpha", "federation", "sync")
}
