package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrReplaced reports that the file at a lock's path is not the locked one any
// more: another process may hold that one, or its directory is another one.
var ErrReplaced = errors.New("it was replaced while it was in use")

// Intact reports whether the file at the lock's path is still the locked one.
// Otherwise the lock keeps nobody out: the error is fs.ErrNotExist when the file is
// gone, and ErrReplaced when it is another one.
func (l *Lock) Intact() error {
	held, err := l.file.Stat()
	if err != nil {
		return err
	}
	now, err := os.Stat(l.Path())
	if err != nil {
		return err
	}
	if !os.SameFile(held, now) {
		return fmt.Errorf("the lock file %s: %w", l.Path(), ErrReplaced)
	}
	return nil
}

// Retake makes and locks the lock's file again after somebody removed it. It fails
// with ErrReplaced when another process has locked a new file first, and with
// fs.ErrNotExist when the directory is gone, too. The caller knows that a directory
// that is there is still the same.
func (l *Lock) Retake() error {
	if err := l.Intact(); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh, err := TryExisting(l.Path(), l.command)
	if err != nil {
		return err
	}
	if fresh == nil {
		return fmt.Errorf("the lock file %s: %w", l.Path(), ErrReplaced)
	}
	former := l.file
	l.file = fresh.file
	l.Note(l.state)
	return former.Close()
}
