package commands

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"gastown/deacon/invocation"
)

// A command reads and writes what its front opened, and nothing else under those names.
func TestPassedFiles(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(in, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 4)
	b := newBench(t, verbs{"x": func(_ context.Context, c Call) int {
		for range 2 { // each from the beginning
			r, ok := c.Files.Open("in")
			if !ok {
				return 1
			}
			text, _ := io.ReadAll(r)
			got <- string(text)
		}
		if _, ok := c.Files.Open("out"); ok { // to write, not to read
			return 2
		}
		if ok, err := c.Files.WriteFile("in", func(io.Writer) error { return nil }); ok || err != nil {
			return 3
		}
		if ok, err := c.Files.WriteFile("out", func(w io.Writer) error { _, err := io.WriteString(w, "done"); return err }); !ok || err != nil {
			return 4
		}
		return 0
	}}, Options{})
	f, a := b.front(invocation.Request{Program: "bd", Args: []string{"x=files"}})
	if want := []invocation.File{{Path: "in"}, {Path: "out", Write: true}}; !reflect.DeepEqual(a.Files, want) {
		t.Fatalf("%+v", a)
	}
	r, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := f.begin(int(r.Fd()), int(w.Fd())); err != nil {
		t.Fatal(err)
	}
	if e := f.wait(); e != (invocation.Ended{Written: true}) {
		t.Fatalf("%+v", e)
	}
	if one, two := <-got, <-got; one != "hello" || two != "hello" {
		t.Errorf("read %q and %q", one, two)
	}
	if text, err := os.ReadFile(out); err != nil || string(text) != "done" {
		t.Errorf("%q, %v", text, err)
	}
}

// What a hostile front passes as a file is refused before the command runs: too few or too
// many, and what is no regular file.
func TestPassedFilesRefused(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(path string, flags int) int {
		t.Helper()
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		return fd
	}
	file := open(filepath.Join(dir, "file"), unix.O_RDWR|unix.O_CREAT)
	fifo := open(filepath.Join(dir, "fifo"), unix.O_RDWR)
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(socket) })
	ran := make(chan struct{}, 20)
	b := newBench(t, verbs{"x": func(context.Context, Call) int { ran <- struct{}{}; return 0 }}, Options{})
	for name, fds := range map[string][]int{
		"none": {}, "one": {file}, "three": {file, file, file}, "a FIFO": {fifo, file}, "a FIFO to write": {file, fifo}, "a directory": {open(dir, unix.O_RDONLY), file},
		"a device": {open("/dev/zero", unix.O_RDONLY), file}, "an order to the kernel": {file, open("/proc/self/comm", unix.O_WRONLY)}, "a socket": {socket, file},
	} {
		f, a := b.front(invocation.Request{Program: "bd", Args: []string{"x=files"}})
		if a.Declined {
			t.Fatalf("declined: %s", a.Reason)
		}
		if err := f.begin(fds...); err != nil {
			t.Fatal(err)
		}
		if e, err := f.Wait(); err == nil {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if len(ran) > 0 {
		t.Errorf("%d commands ran", len(ran))
	}
	if e := b.start("x").wait(); e.Code != 0 {
		t.Errorf("the next command: %+v", e)
	}
}
