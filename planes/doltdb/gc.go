package doltdb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gastown/planes/doltdb/internal/engine"
	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
)

// gcThreshold is how large the journal of new writes may grow, in bytes,
// before MaybeGC collects. Opening reads the whole journal, about a millisecond
// for each MB; a collection moves what it holds to files that are only mapped.
const gcThreshold = 16 << 20

// servedThreshold is the same for GCAfterWrite where a server has the database.
const servedThreshold = 256 << 20

// gcTables is how many table files there may be before MaybeGC collects. Each is
// open as long as the database is, and each fetch that brings something adds one.
const gcTables = 64

// GC rewrites the database without what no commit needs. Others who use it
// through the same server go on meanwhile. In this process writers wait: the
// embedded engine does not keep what their transactions have written so far.
// GC waits for another caller that collects, and reports town.ErrBusy when that takes
// longer than Options.Wait.
func (db *Local) GC(ctx context.Context) error {
	return db.collect(ctx, db.deadline())
}

// collect is GC that waits until the deadline.
func (db *Local) collect(ctx context.Context, deadline time.Time) (err error) {
	defer engine.Recovered("collect garbage of the "+db.opts.name()+" database", &err)
	if !db.served() {
		return db.inTurn(ctx, deadline, func() error { return db.administer(ctx, func(tx *Tx) error { return tx.collect(ctx) }) })
	}
	return db.administer(ctx, func(tx *Tx) error {
		// A collection waits for the statements of all sessions. One that begins
		// meanwhile is such a statement and waits for the first, for ever.
		if err := tx.lock(ctx, db.opts, deadline, wire.CollectLock(db.opts.name())); err != nil {
			return err
		}
		return tx.collect(ctx)
	})
}

func (tx *Tx) collect(ctx context.Context) error { return tx.call(ctx, "CALL DOLT_GC()") }

// MaybeGC collects when the journal, or the number of table files, has outgrown
// its threshold, and says whether it did. Row-by-row writes leave most of what
// they store unused, and each fetch leaves a file. It leaves the database of an
// external server to that server, and does nothing while another client collects.
func (db *Local) MaybeGC(ctx context.Context) (bool, error) {
	return db.gcAbove(ctx, gcThreshold)
}

// GCAfterWrite is MaybeGC for a command that has written and that somebody waits
// for. While a server has the database nobody reads the journal again, so it may
// grow more; whoever runs the server calls MaybeGC from time to time.
func (db *Local) GCAfterWrite(ctx context.Context) (bool, error) {
	if db.served() {
		return db.gcAbove(ctx, servedThreshold)
	}
	return db.gcAbove(ctx, gcThreshold)
}

func (db *Local) gcAbove(ctx context.Context, journalBytes int64) (bool, error) {
	if db.opts.External != nil {
		return false, nil
	}
	entries, err := os.ReadDir(filepath.Join(db.opts.Dir, engine.StoreDir))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	var journal int64
	tables := 0
	for _, e := range entries {
		switch {
		case err != nil:
		case e.Name() == engine.Journal:
			var info os.FileInfo
			if info, err = e.Info(); err == nil {
				journal = info.Size()
			}
		case len(strings.TrimSuffix(e.Name(), engine.ArchiveSuffix)) == len(engine.Journal):
			tables++
		}
	}
	if err != nil || journal < journalBytes && tables <= gcTables {
		return false, err
	}
	if !db.served() {
		return true, db.GC(ctx)
	}
	// Whoever collects now does what this caller would.
	if err = db.collect(ctx, time.Now()); errors.Is(err, town.ErrBusy) {
		return false, nil
	}
	return true, err
}
