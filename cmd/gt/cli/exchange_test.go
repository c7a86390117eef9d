package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// towns runs gt on Towns of one directory.
type towns struct {
	t   *testing.T
	dir string
}

func (w towns) run(args ...string) (code int, stdout, stderr string) {
	var out, said bytes.Buffer
	a := &App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &said, Dir: w.dir,
		Getenv: func(string) string { return "" }, Now: time.Now}
	code = a.Run(w.t.Context(), args)
	return code, out.String(), said.String()
}

// must runs gt and accepts success, or reviews that are open.
func (w towns) must(args ...string) {
	w.t.Helper()
	if code, _, said := w.run(args...); code != exitOK && code != exitReview {
		w.t.Fatalf("%v: exit %d: %s", args, code, said)
	}
}

func (w towns) write(path, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, path), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// A sync whose push fails still tells what was recorded and merged, how
// conflicts ended and what awaits a person; the exit code is the failure's.
func TestSyncTellsWhatItDidBeforeItFailed(t *testing.T) {
	w := towns{t, t.TempDir()}
	repo := filepath.Join(w.dir, "town.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	role := func(text string) string { return "---\nname: crier\ndescription: d\n---\n\n" + text + "\n" }
	w.must("install", "alpha")
	w.write("alpha/federation/roles/crier.md", role("first"))
	w.must("--town", "alpha", "federation", "init", repo, "--yes")
	w.must("install", "beta")
	w.must("--town", "beta", "federation", "join", repo, "--yes")
	w.write("alpha/federation/roles/crier.md", role("of alpha"))
	w.must("--town", "alpha", "federation", "sync")
	w.write("beta/federation/roles/crier.md", role("of beta"))
	if err := os.WriteFile(filepath.Join(repo, "hooks", "pre-receive"), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, said := w.run("--town", "beta", "federation", "sync")
	for _, want := range []string{"recorded 1 edit", "origin: 2 commits merged", "crier"} {
		if !strings.Contains(out, want) {
			t.Errorf("not told %q:\n%s", want, out)
		}
	}
	if code == exitOK || code == exitReview || strings.Contains(out, "published") || !strings.Contains(said, "1 role awaits a person's review") {
		t.Errorf("exit %d\n%s\n%s", code, out, said)
	}
	// A failure with nothing to tell tells nothing.
	if code, out, _ := w.run("--town", "beta", "federation", "push"); code == exitOK || code == exitReview || out != "" {
		t.Errorf("exit %d: %s", code, out)
	}
}

// A file that cannot be recorded is found by the recording and by the push of a
// sync, and by those of each remote: it is told of once.
func TestSyncTellsOfAFaultOnce(t *testing.T) {
	w := towns{t, t.TempDir()}
	w.must("install", "alpha")
	for _, name := range []string{"origin", "second"} {
		repo := filepath.Join(w.dir, name+".git")
		if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		w.must("--town", "alpha", "federation", "init", repo, "--name", name, "--yes")
	}
	w.write("alpha/federation/templates/good.txt", "an edit\n")
	w.write("alpha/federation/roles/bad.md", "no header\n")
	code, out, said := w.run("--town", "alpha", "federation", "sync")
	if code != exitOK || strings.Count(out, "Left alone until corrected") != 1 || strings.Count(out, "roles/bad.md") != 1 ||
		!strings.Contains(out, "recorded 1 edit") {
		t.Errorf("exit %d: %s%s", code, out, said)
	}
}

// A remote that was removed and added again is not agreed to.
func TestRemovedRemoteIsConfirmedAgain(t *testing.T) {
	w := towns{t, t.TempDir()}
	repo := filepath.Join(w.dir, "town.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.must("install", "alpha")
	w.must("--town", "alpha", "federation", "init", repo, "--yes")
	w.must("--town", "alpha", "federation", "remote", "remove", "origin")
	w.must("--town", "alpha", "federation", "remote", "add", "origin", repo)
	if code, _, said := w.run("--town", "alpha", "federation", "sync"); code != exitRefused || !strings.Contains(said, "nobody has confirmed") {
		t.Errorf("exit %d: %s", code, said)
	}
	w.must("--town", "alpha", "federation", "join", repo, "--yes")
	w.must("--town", "alpha", "federation", "sync")
}
