package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
)

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWriteFileReplacesWithTheGivenMode(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	path := filepath.Join(t.TempDir(), "f")
	for i, perm := range []fs.FileMode{0o600, 0o755, 0o644, 0o640} {
		text := string(rune('a' + i))
		write := []func(string, []byte, fs.FileMode) error{WriteFile, Replace, ReplaceUnflushed}[i%3]
		if err := write(path, []byte(text), perm); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != perm || content(t, path) != text {
			t.Errorf("mode %v, want %v, text %q (%v)", info.Mode(), perm, content(t, path), err)
		}
	}
	if got := Perm(path, 0o600); got != 0o640 {
		t.Errorf("Perm is %v", got)
	}
	if got := Perm(path+"x", 0o604); got != 0o604 {
		t.Errorf("Perm of what is missing is %v", got)
	}
}

// Of several processes that write a new file, one wins, and no other leaves anything.
func TestWriteNewReplacesNothing(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = WriteNew(path, []byte{byte('a' + i)}, 0o640) })
	}
	all.Wait()
	for i, err := range errs {
		if wrote := content(t, path) == string(rune('a'+i)); wrote != (err == nil) || !wrote && !errors.Is(err, fs.ErrExist) {
			t.Errorf("writer %d: %v, and the file holds %q", i, err, content(t, path))
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"f"}) {
		t.Errorf("the directory holds %q", got)
	}
	if err := WriteNew(filepath.Join(dir, "missing", "f"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into a missing directory: %v", err)
	}
}

func TestWritePrivateMakesDirectories(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "f")
	if err := WritePrivate(path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"a": 0o700, "a/b": 0o700, "a/b/f": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := WriteFile(filepath.Join(dir, "missing", "f"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("WriteFile into a missing directory: %v", err)
	}
}

func TestAFailedWriteLeavesTheFormerFileAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := WriteFile(path, []byte("former"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Write(path, 0o600, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return broken
	})
	if !errors.Is(err, broken) || content(t, path) != "former" {
		t.Errorf("%v, text %q", err, content(t, path))
	}
	if got := names(t, dir); !slices.Equal(got, []string{"f"}) {
		t.Errorf("the directory holds %q", got)
	}
}

func TestRenameMovesFilesAndDirectories(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := WritePrivate(filepath.Join(from, "store", "f"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Rename(filepath.Join(from, "store"), filepath.Join(to, "store")); err != nil {
		t.Fatal(err)
	}
	if content(t, filepath.Join(to, "store", "f")) != "x" || len(names(t, from)) != 0 {
		t.Errorf("from holds %q", names(t, from))
	}
	if err := Rename(filepath.Join(from, "store"), filepath.Join(to, "other")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("rename of what is missing: %v", err)
	}
}

func TestExchange(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, d := range []string{a, b} {
		if err := WritePrivate(filepath.Join(d, "f"), []byte(d)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Exchange(a, b); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the file system cannot exchange directories")
	} else if err != nil {
		t.Fatal(err)
	}
	if content(t, filepath.Join(a, "f")) != b || content(t, filepath.Join(b, "f")) != a {
		t.Error("the directories were not exchanged")
	}
	if err := Exchange(a, filepath.Join(dir, "c")); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("exchange with what is missing: %v", err)
	}
	for _, errno := range []syscall.Errno{syscall.EINVAL, syscall.ENOSYS, syscall.EOPNOTSUPP} {
		if err := unsupported(errno); !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, errno) {
			t.Errorf("%v is not taken for unsupported: %v", errno, err)
		}
	}
}

func TestSweepRemovesOnlyUnfinishedFilesOfThatName(t *testing.T) {
	dir := t.TempDir()
	stays := []string{".f.json", ".f.jsonold", ".g.json123", "f.json", "f.json123"}
	for _, name := range append([]string{".f.json1", ".f.json9182736455"}, stays...) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(filepath.Join(dir, "f.json")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, stays) {
		t.Errorf("left are %q, want %q", got, stays)
	}
	if err := Sweep(filepath.Join(dir, "missing", "f")); err != nil {
		t.Errorf("a missing directory: %v", err)
	}
}
