package hooks

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// former makes an earlier hook that records its name, arguments and input.
func (r *repo) former(name, interpreter, tail string) (out string) {
	out = filepath.Join(filepath.Dir(r.dir), "former")
	r.write(filepath.Join(r.hooks().Path, name), 0o700,
		interpreter+"\n{ printf '%s\\n' \"${0##*/}\" \"$@\"; case ${0##*/} in pre-push*|post-receive*) cat;; esac; } >"+quote(out)+"\n"+tail+"\n")
	return out
}

func TestHooksStartGT(t *testing.T) {
	r := newRepo(t)
	remote := newRepo(t, "--bare")
	r.git("remote", "add", "origin", remote.dir)
	r.install(Watched...)
	begin := []string{r.dir, "--town", awkward, "run", "--"}
	expect := func(what string, want ...string) {
		t.Helper()
		if got := r.called(); !slices.Equal(got, append(slices.Clone(begin), want...)) {
			t.Errorf("%s: %q", what, got)
		}
	}
	r.git("commit", "-q", "--allow-empty", "-m", "1")
	expect("commit", "post-commit")
	one := r.git("rev-parse", "HEAD")
	r.git("checkout", "-q", "-b", "side")
	expect("checkout", "post-checkout", one, one, "1")
	r.git("commit", "-q", "--allow-empty", "-m", "2")
	expect("commit", "post-commit")
	two := r.git("rev-parse", "HEAD")
	r.git("checkout", "-q", "main")
	expect("checkout", "post-checkout", two, one, "1")
	r.git("merge", "-q", "side")
	expect("merge", "post-merge", "0")
	r.git("push", "-q", "origin", "main")
	zero := strings.Repeat("0", 40)
	expect("push", "pre-push", "origin", remote.dir, "refs/heads/main "+two+" refs/heads/main "+zero)
}

// An earlier hook runs first, under its own name if it is a shell script, with its
// exact arguments and input. Its exit code is the hook's.
func TestFormerHook(t *testing.T) {
	for _, interpreter := range []string{"#!/bin/sh", "#!/usr/bin/env sh", "#!/bin/bash", "#!/bin/sh -e"} {
		r := newRepo(t)
		out := r.former(PrePush, interpreter, "exit 0")
		r.install(PrePush)
		cmd := exec.Command(filepath.Join(r.hooks().Path, PrePush), "origin", "a 'b'")
		cmd.Dir = r.dir
		cmd.Stdin = strings.NewReader("one\n two  \\n\n\n")
		if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
			t.Fatalf("%s: %v: %s", interpreter, err, said)
		}
		name := PrePush
		if strings.HasSuffix(interpreter, "-e") {
			name += chainedSuffix
		}
		if got := r.read(out); got != name+"\norigin\na 'b'\none\n two  \\n\n\n" {
			t.Errorf("%s: the former hook got %q", interpreter, got)
		}
		if got := r.called(); !slices.Equal(got[5:], []string{"pre-push", "origin", "a 'b'", "one", ` two  \n`, "", ""}[:len(got[5:])]) || len(got) < 10 {
			t.Errorf("%s: gt got %q", interpreter, got)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, name := range All {
		r := newRepo(t)
		r.former(name, "#!/bin/sh", "exit 7")
		r.install(name)
		cmd := exec.Command(filepath.Join(r.hooks().Path, name))
		cmd.Dir = r.dir
		cmd.Stdin = strings.NewReader("a b " + RefPrefixes[0] + "data\n")
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
			t.Errorf("%s: %v", name, err)
		}
		if name != PrePush {
			r.called()
		}
	}
	// When the earlier hook refuses a push, the push is not made and gt is not
	// started.
	r := newRepo(t)
	remote := newRepo(t, "--bare")
	r.git("commit", "-q", "--allow-empty", "-m", "1")
	r.former(PrePush, "#!/bin/sh", "exit 1")
	r.install(PrePush, PostCommit)
	if out, err := r.try(r.dir, "push", "-q", remote.dir, "main"); err == nil {
		t.Errorf("pushed: %s", out)
	}
	r.git("commit", "-q", "--allow-empty", "-m", "2") // its notification would follow
	if got := r.called(); got[5] != PostCommit {
		t.Errorf("gt was told of %q", got)
	}
}

// Without gt, or when it cannot run, every operation goes on as before.
func TestFailOpen(t *testing.T) {
	for _, broken := range []string{"missing", "not executable", "fails"} {
		r := newRepo(t)
		remote := newRepo(t, "--bare")
		r.install(Watched...)
		switch broken {
		case "missing":
			if err := os.Remove(r.gt); err != nil {
				t.Fatal(err)
			}
		case "not executable":
			if err := os.Chmod(r.gt, 0o600); err != nil {
				t.Fatal(err)
			}
		case "fails":
			r.write(r.gt, 0o700, "#!/bin/sh\necho no >&2\nexit 1\n")
		}
		if out, err := r.try(r.dir, "commit", "-q", "--allow-empty", "-m", "1"); err != nil || out != "" {
			t.Errorf("%s: %v: %s", broken, err, out)
		}
		if out, err := r.try(r.dir, "push", "-q", remote.dir, "main"); err != nil || out != "" {
			t.Errorf("%s: %v: %s", broken, err, out)
		}
		r.git("checkout", "-q", "-b", "side")
	}
}

// The hook returns while gt still works. It leaves gt none of its streams, for
// which git's caller would wait, and not its process group.
func TestDetached(t *testing.T) {
	r := newRepo(t)
	fifo := filepath.Join(filepath.Dir(r.dir), "go")
	if out, err := exec.Command("mkfifo", fifo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.write(r.gt, 0o700, "#!/bin/sh\nread -r _ <"+quote(fifo)+"\ncut -d ' ' -f 5 /proc/$$/stat >"+quote(r.log)+".part && mv "+quote(r.log)+".part "+quote(r.log)+"\n")
	r.install(PostCommit)
	// CombinedOutput returns when no process holds the pipe any more.
	r.git("commit", "-q", "--allow-empty", "-m", "1")
	f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := r.called(); got[0] == "" || got[0] == strconv.Itoa(syscall.Getpgrp()) {
		t.Errorf("gt is in group %v, git in %d", got, syscall.Getpgrp())
	}
}

// The scripts of hook managers find their name and directory with $0;
// core.hooksPath names their directory.
func TestHuskyLike(t *testing.T) {
	r := newRepo(t)
	out := filepath.Join(filepath.Dir(r.dir), "managed")
	r.write(r.dir+"/.husky/_/h", 0o600, "s=\"$(dirname \"$(dirname \"$0\")\")/$(basename \"$0\")\"\n[ ! -f \"$s\" ] && exit 0\nsh -e \"$s\" \"$@\"\nexit $?\n")
	r.write(r.dir+"/.husky/_/"+PostCommit, 0o755, "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"")
	r.write(r.dir+"/.husky/"+PostCommit, 0o600, "echo managed >"+quote(out)+"\n")
	r.git("config", "core.hooksPath", ".husky/_")
	r.install(PostCommit)
	r.git("commit", "-q", "--allow-empty", "-m", "1")
	if got := r.read(out); got != "managed\n" {
		t.Errorf("the managed hook wrote %q", got)
	}
	if got := r.called(); got[5] != PostCommit {
		t.Errorf("gt got %q", got)
	}
}

// A shared repository notifies only of the refs of federations, and reports when it cannot.
func TestPostReceive(t *testing.T) {
	shared := newRepo(t, "--bare")
	shared.install(PostReceive)
	r := newRepo(t)
	r.git("commit", "-q", "--allow-empty", "-m", "1")
	r.git("push", "-q", shared.dir, "main:other")
	r.git("push", "-q", shared.dir, "main:refs/dolt/data")
	got := shared.called()
	refs, err := Received(strings.NewReader(strings.Join(got[5:], "\n")))
	if err != nil || !slices.Equal(refs, []string{"refs/dolt/data"}) {
		t.Errorf("%q: %v, %v", got, refs, err)
	}
	if err := os.Remove(shared.gt); err != nil {
		t.Fatal(err)
	}
	r.git("commit", "-q", "--allow-empty", "-m", "2")
	out, err := r.try(r.dir, "push", "-q", shared.dir, "main:refs/dolt/data")
	if err != nil || !strings.Contains(out, "Towns are not told") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestReceived(t *testing.T) {
	var many bytes.Buffer
	for range maxNoted + 5 {
		many.WriteString("a b refs/dolt/x\n")
	}
	for in, want := range map[string]int{
		"": 0, "a b refs/heads/main\n": 0, "a b refs/heads/dolt\n": 0, "a b refs/heads/dolt/data\n": 1, "a b refs/dolt/data": 1, "a b refs/dolt/../x\na refs/dolt/data\n": 0, many.String(): maxNoted,
	} {
		if refs, err := Received(strings.NewReader(in)); err != nil || len(refs) != want {
			t.Errorf("%q: %v, %v", in, refs, err)
		}
	}
	if _, err := Received(strings.NewReader(strings.Repeat("x", 2*maxLine))); err == nil {
		t.Error("an endless line was read")
	}
}

// BenchmarkHook measures git's time for a hook, with gt and without.
func BenchmarkHook(b *testing.B) {
	for _, name := range []string{PostCommit, PrePush} {
		for _, missing := range []bool{false, true} {
			b.Run(name+map[bool]string{true: "/missing"}[missing], func(b *testing.B) {
				r := newRepo(b)
				r.write(r.gt, 0o700, "#!/bin/sh\n")
				r.install(name)
				if missing {
					if err := os.Remove(r.gt); err != nil {
						b.Fatal(err)
					}
				}
				path := filepath.Join(r.hooks().Path, name)
				for b.Loop() {
					cmd := exec.Command(path, "a", "b", "1")
					cmd.Stdin = strings.NewReader("a b c d\n")
					if err := cmd.Run(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
