package doltdb

import (
	"context"
	"io/fs"
	"path/filepath"
)

// gcThreshold is how large the journal of new writes may grow, in bytes,
// before MaybeGC collects.
const gcThreshold = 64 << 20

// journalName is the engine's file of writes not yet collected.
const journalName = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"

// GC rewrites the database without what no commit needs. It waits for nobody:
// the caller owns the database.
func (db *Local) GC(ctx context.Context) (err error) {
	defer recovered("collect garbage of the "+db.opts.name()+" database", &err)
	return db.View(ctx, func(tx *Tx) error {
		return tx.call(ctx, "CALL DOLT_GC()")
	})
}

// MaybeGC collects when the journal has outgrown the threshold, and says
// whether it did. Row-by-row writes leave most of what they store unused.
func (db *Local) MaybeGC(ctx context.Context) (bool, error) {
	var size int64
	err := filepath.WalkDir(filepath.Join(db.opts.Dir, ".dolt", "noms"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == journalName {
			if info, err := d.Info(); err == nil {
				size = info.Size()
			}
		}
		return err
	})
	if err != nil || size < gcThreshold {
		return false, err
	}
	return true, db.GC(ctx)
}
