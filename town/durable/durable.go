// Package durable writes and renames files so that they survive a crash.
//
// A file is written whole or not at all: a reader sees the former text or the
// new one, also after a loss of power. The text goes into a temporary file
// beside the target, which is flushed and renamed; then the directory that
// holds the name is flushed. When a function returns nil, the change is on the
// disk. After an error the target is the former one or the new one, whole; it
// may be the new one when only the last flush failed.
//
// Nothing is locked and nothing is retried here. A process that is killed while
// it writes leaves a temporary file behind; see Sweep.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

const (
	// privateFile and privateDir are the permissions of what only the owner of
	// a Town may read.
	privateFile fs.FileMode = 0o600
	privateDir  fs.FileMode = 0o700
)

// WriteFile replaces the file at path with data. Its permissions become exactly
// perm, whatever the umask. The directory must exist. Where path is a symbolic
// link, the link itself is replaced.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return Write(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WritePrivate is WriteFile for a file that only its owner may read (0600). It
// makes missing directories on the way, for their owner alone (0700).
func WritePrivate(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), privateDir); err != nil {
		return err
	}
	return WriteFile(path, data, privateFile)
}

// Write is WriteFile for a text that the function writes piece by piece. When
// it fails, its error is returned and the former file stays.
func Write(path string, perm fs.FileMode, write func(io.Writer) error) error {
	if err := replace(path, perm, write); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Replace is WriteFile that does not flush the directory, which saves half the
// time: after a loss of power the former file may be back, whole. It is for
// several files of one directory, before one SyncDir, and for what can be
// derived again.
func Replace(path string, data []byte, perm fs.FileMode) error {
	return replace(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// ReplaceUnflushed is WriteFile that flushes nothing: a reader still sees the former
// text or the new one, but after a loss of power the file may be empty. It is for what
// is derived again or lives no longer than the machine runs.
func ReplaceUnflushed(path string, data []byte, perm fs.FileMode) error {
	return pend(path, data, perm, func(f *renameio.PendingFile) error { return os.Rename(f.Name(), path) })
}

// WriteNew is WriteFile that fails, with fs.ErrExist, when the file exists.
func WriteNew(path string, data []byte, perm fs.FileMode) error {
	err := pend(path, data, perm, func(f *renameio.PendingFile) error {
		if err := f.Sync(); err != nil {
			return err
		}
		return RenameNewUnflushed(f.Name(), path)
	})
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// pend writes a file under a temporary name, and has place give it its own.
func pend(path string, data []byte, perm fs.FileMode, place func(*renameio.PendingFile) error) error {
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(perm))
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = place(f)
	}
	if err != nil {
		return errors.Join(err, f.Cleanup())
	}
	return f.File.Close()
}

func replace(path string, perm fs.FileMode, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir), renameio.WithStaticPermissions(perm))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Cleanup()) }()
	if err := write(f); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// Perm is the permissions of the file at path, or otherwise where there is no
// such file or it cannot be looked at.
func Perm(path string, otherwise fs.FileMode) fs.FileMode {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return info.Mode().Perm()
	}
	return otherwise
}

// Rename gives a file or directory another name on the same file system and
// flushes the directories of both names. A file that has the new name is
// replaced, and so is an empty directory by a directory.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	err := SyncDir(filepath.Dir(to))
	if filepath.Dir(from) != filepath.Dir(to) {
		err = errors.Join(err, SyncDir(filepath.Dir(from)))
	}
	return err
}

// RenameNew is Rename that fails, with fs.ErrExist, when the new name is taken.
func RenameNew(from, to string) error {
	if err := RenameNewUnflushed(from, to); err != nil {
		return err
	}
	err := SyncDir(filepath.Dir(to))
	if filepath.Dir(from) != filepath.Dir(to) {
		err = errors.Join(err, SyncDir(filepath.Dir(from)))
	}
	return err
}

// RenameNewUnflushed is RenameNew that flushes nothing: after a loss of power either
// name may be there.
func RenameNewUnflushed(from, to string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: unsupported(err)}
	}
	return nil
}

// Exchange gives two files or directories each other's name in one step. It
// flushes nothing, so that after an error nothing was changed; the caller calls
// SyncDir for the directories of both. Where the file system cannot do it the
// error wraps errors.ErrUnsupported.
func Exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: "exchange", Old: a, New: b, Err: unsupported(err)}
}

// unsupported adds errors.ErrUnsupported to how file systems say that they
// cannot exchange names.
func unsupported(err error) error {
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}

// SyncDir flushes a directory: the names in it that were added, removed or
// changed survive a loss of power.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Sweep removes the temporary files that killed processes left when they wrote
// the file at path. The caller makes sure that nobody writes it just now.
func Sweep(path string) error {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if temporary(e.Name(), filepath.Base(path)) && e.Type().IsRegular() {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// temporary reports whether renameio gives a name to an unfinished file: a dot,
// the name of the target, and a random number.
func temporary(name, target string) bool {
	number, ok := strings.CutPrefix(name, "."+target)
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}
