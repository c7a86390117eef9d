package doltdb

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gastown/planes/doltdb/internal/engine"
)

// unfinished are the beginnings of names of files in engine.StoreDir that are not
// complete yet. Nothing in engine.TempDir is.
var unfinished = []string{"nbs_table_", "nbs_manifest_"}

// sweep removes the unfinished files of a process that was killed. The engine
// would never remove them. Nobody uses them: this process owns the database and
// has not started anything.
func (db *Local) sweep() error {
	return errors.Join(
		removePrefixed(filepath.Join(db.opts.Dir, engine.TempDir), ""),
		removePrefixed(filepath.Join(db.opts.Dir, engine.StoreDir), unfinished...))
}

// removePrefixed removes the entries of dir, which may be missing, whose names
// begin with one of the prefixes.
func removePrefixed(dir string, prefixes ...string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(e.Name(), p) }) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// stagingDir makes an empty directory whose name begins with prefix, and
// removes those that killed processes left. The caller keeps others from using
// the same prefix.
func stagingDir(parent, prefix string) (string, error) {
	if err := removePrefixed(parent, prefix); err != nil {
		return "", err
	}
	return os.MkdirTemp(parent, prefix+"*")
}
