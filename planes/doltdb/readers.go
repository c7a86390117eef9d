package doltdb

import (
	"io/fs"
	"os"
	"path/filepath"

	"gastown/planes/doltdb/internal/engine"
)

// letRead gives the files of the store the read permission that their directory gives to
// other users. The engine makes new files that only the owner can read, also in place of
// one that others could. It does what it can: of another user's files the mode stays.
func (o Options) letRead() {
	dir := filepath.Join(o.Dir, engine.StoreDir)
	info, err := os.Stat(dir)
	if err != nil || readBits(info) == 0 {
		return
	}
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // it was replaced meanwhile
		}
		if file, err := e.Info(); err == nil && readBits(file)&readBits(info) != readBits(info) {
			_ = os.Chmod(path, file.Mode().Perm()|readBits(info))
		}
		return nil
	})
}

// readBits are the bits of a mode by which others than the owner may read.
func readBits(info fs.FileInfo) fs.FileMode { return info.Mode().Perm() & 0o044 }
