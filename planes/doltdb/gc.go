package doltdb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// gcThreshold is how large the journal of new writes may grow, in bytes,
// before MaybeGC collects. Opening reads the whole journal, about a millisecond
// for each MB; a collection moves what it holds to files that are only mapped.
const gcThreshold = 16 << 20

// journalName is the engine's file of writes not yet collected.
const journalName = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"

// GC rewrites the database without what no commit needs. Others who use it
// through the same server go on meanwhile.
func (db *Local) GC(ctx context.Context) (err error) {
	defer recovered("collect garbage of the "+db.opts.name()+" database", &err)
	return db.administer(ctx, func(tx *Tx) error {
		return tx.call(ctx, "CALL DOLT_GC()")
	})
}

// MaybeGC collects when the journal has outgrown the threshold, and says
// whether it did. Row-by-row writes leave most of what they store unused. It
// leaves the database of an external server to that server.
func (db *Local) MaybeGC(ctx context.Context) (bool, error) {
	if db.opts.External != nil {
		return false, nil
	}
	info, err := os.Stat(filepath.Join(db.opts.Dir, ".dolt", "noms", journalName))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil || info.Size() < gcThreshold {
		return false, err
	}
	return true, db.GC(ctx)
}
