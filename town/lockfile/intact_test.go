package lockfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gastown/town"
)

// A lock whose file was removed can be taken again by its holder, unless another was
// faster; one whose file is another's is lost.
func TestALockNoticesThatItsFileIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	l, err := Acquire(t.Context(), path, Options{Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	l.Note("serving")
	if err := l.Intact(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := l.Intact(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := l.Retake(); err != nil {
		t.Error(err)
	}
	if h, held, err := Look(path); !held || h.PID != os.Getpid() || h.State != "serving" || err != nil {
		t.Errorf("%+v, held %v, %v", h, held, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := Acquire(t.Context(), path, Options{Command: "another"})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{l.Intact(), l.Retake()} {
		if !errors.Is(err, ErrReplaced) {
			t.Error(err)
		}
	}
	if err := errors.Join(other.Release(), l.Release()); err != nil {
		t.Error(err)
	}
}

// Whoever locks what is there already does not make a directory anew that somebody
// moved or removed.
func TestAMissingDirectoryIsNotMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "town")
	path := filepath.Join(dir, "data", "a.lock")
	l, err := Acquire(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	_, acquired := Acquire(t.Context(), path, Options{Existing: true})
	_, tried := TryExisting(path, "test")
	for what, err := range map[string]error{"retake": l.Retake(), "acquire": acquired, "try": tried} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the former place is there again: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

// A holder is its process and no other one that has got its id. One that is stopped
// is named as such, and nobody waits for it as long as for one that works.
func TestAStoppedHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	pid, end := hold(t, path)
	defer end()
	h := Read(path)
	if h.PID != pid || !h.Runs() || h.Stopped() {
		t.Errorf("%+v", h)
	}
	if other := (Holder{PID: h.PID, Start: h.Start + 1}); other.Runs() || other.Stopped() {
		t.Error("another process with the same id counts")
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	for !h.Stopped() {
		time.Sleep(time.Millisecond)
	}
	_, err := Acquire(t.Context(), path, Options{Wait: time.Hour})
	if !errors.Is(err, town.ErrBusy) || !strings.Contains(err.Error(), "which is stopped") || !strings.Contains(town.Next(err), "kill -CONT") {
		t.Errorf("%v, next %q", err, town.Next(err))
	}
}
