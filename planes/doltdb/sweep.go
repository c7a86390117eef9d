package doltdb

import (
	"errors"
	"os"
	"path/filepath"
)

// tempDir is where the engine keeps files it has not finished, below a
// database's directory.
const tempDir = ".dolt/temptf"

// sweep removes unfinished files of a process that was killed. The engine would
// keep them for ever. They are nobody's now: this process owns the database and
// has not begun anything.
func (db *Local) sweep() error {
	dir := filepath.Join(db.opts.Dir, tempDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// stagingDir makes an empty directory whose name begins with prefix, and removes
// those that killed processes left. The caller holds whatever keeps others from
// using the same prefix.
func stagingDir(parent, prefix string) (string, error) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if len(e.Name()) > len(prefix) && e.Name()[:len(prefix)] == prefix {
			if err := os.RemoveAll(filepath.Join(parent, e.Name())); err != nil {
				return "", err
			}
		}
	}
	return os.MkdirTemp(parent, prefix+"*")
}
