package gitcmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// smallDisk mounts a file system of so many bytes. It needs root.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", bytes)); err != nil {
		t.Fatalf("mount a small disk (run the tests as root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// reason fails unless err has the kind, names it, and gives a next step with the
// words.
func reason(t *testing.T, err, kind error, next string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), kind.Error()) || !strings.Contains(town.Next(err), next) {
		t.Errorf("%v [next: %s], want %v [next: ...%s...]", err, town.Next(err), kind, next)
	}
}

// A full disk is told as this machine's or as the remote's.
func TestWhoseDiskIsFull(t *testing.T) {
	text := strings.Repeat("0123456789abcdef\n", 1<<17)
	a := open(t, Options{})
	commit := commitOf(t, a, "", text)
	roomy := bareRepo(t)
	if _, err := a.Push(t.Context(), roomy, Update{testRef, "", commit}); err != nil {
		t.Fatal(err)
	}

	full := filepath.Join(smallDisk(t, 1<<20), "full.git")
	git(t, t.TempDir(), "init", "-q", "--bare", full)
	git(t, full, "config", "core.compression", "0")
	_, err := a.Push(t.Context(), full, Update{testRef, "", commit})
	reason(t, err, ErrRemoteFull, "administrator")

	here, err := Init(filepath.Join(smallDisk(t, 1<<20), "objects.git"), Options{Env: a.opts.Env})
	if err != nil {
		t.Fatal(err)
	}
	_, err = here.Fetch(t.Context(), FetchSpec{URL: roomy, Ref: testRef, Into: "refs/gt/in"})
	reason(t, err, ErrNoSpace, "this machine")
}

// A repository with another object format is told as that, by a fetch and by a push.
func TestObjectFormat(t *testing.T) {
	remote := filepath.Join(t.TempDir(), "x.git")
	git(t, t.TempDir(), "init", "-q", "--bare", "--object-format=sha256", remote)
	a := open(t, Options{})
	commit := commitOf(t, a, "", "x")
	_, err := a.Push(t.Context(), remote, Update{testRef, "", commit})
	reason(t, err, ErrFormat, "--object-format=sha1")
	work := t.TempDir()
	git(t, work, "init", "-q", "--object-format=sha256")
	git(t, work, "commit", "-q", "--allow-empty", "-m", "x")
	git(t, work, "push", "-q", remote, "HEAD:"+testRef, "HEAD:refs/heads/main")
	_, err = a.Fetch(t.Context(), FetchSpec{URL: remote, Ref: testRef, Into: "refs/gt/in"})
	reason(t, err, ErrFormat, "--object-format=sha1")
	_, err = a.Push(t.Context(), remote, Update{testRef, "", commit})
	reason(t, err, ErrFormat, "--object-format=sha1")
}

// A rule of the server is not missing write access, and its words are passed on.
func TestARuleOfTheServer(t *testing.T) {
	a := open(t, Options{})
	commit := commitOf(t, a, "", "x")
	hook := func(name, text string) func(string) {
		return func(remote string) {
			if err := os.WriteFile(filepath.Join(remote, "hooks", name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		set   func(remote string)
		words string
	}{
		"pre-receive": {hook("pre-receive", "echo only branches, please; exit 1"), "the server says: only branches, please"},
		"update":      {hook("update", "echo no $1 here >&2; exit 1"), "no " + testRef + " here"},
		"hidden":      {func(remote string) { git(t, remote, "config", "receive.hideRefs", "refs/dolt") }, testRef + ": deny updating a hidden ref"},
	} {
		t.Run(name, func(t *testing.T) {
			remote := bareRepo(t)
			test.set(remote)
			_, err := a.Push(t.Context(), remote, Update{testRef, "", commit})
			reason(t, err, ErrForbidden, "allow pushes to that ref")
			if !errors.Is(err, ErrReadOnly) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("%v, want %q", err, test.words)
			}
		})
	}
}

// A lock of another git is told as that, without git's own advice to remove a file.
func TestALockOfAnotherGit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "clone.git")
	s, err := CreateShared(dir, "", Options{Env: here()})
	if err != nil {
		t.Fatal(err)
	}
	ref := "refs/heads/main"
	if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(ref)+".lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err = s.SetRef(t.Context(), ref, commitOf(t, s.repo, "", "x"), "")
	reason(t, err, ErrLocked, "in a minute")
	if text := err.Error(); !strings.Contains(text, ref) || strings.Contains(text, "remove") {
		t.Error(text)
	}
}

// Every kind of failure has its advice, and none has the words of a library.
func TestEveryKindHasAdvice(t *testing.T) {
	for _, p := range phrases {
		if nextFor(p.kind, nil) == "" {
			t.Errorf("%v: no advice", p.kind)
		}
	}
}
