package series

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/tsdb"
)

// How often samples leave the memory for files, and how often files are merged and old
// ones removed. Most times there is nothing to do.
const (
	mapEvery     = time.Minute
	compactEvery = 5 * time.Minute
)

// tidy does what the database would do in the background; appending and mu for reading are
// held.
func (s *Store) tidy(ctx context.Context, db *tsdb.DB, now time.Time) error {
	if due(&s.mapped, now, mapEvery) {
		if err := guarded(func() error { db.ForceHeadMMap(); return nil }); err != nil {
			return err
		}
	}
	if due(&s.compacted, now, compactEvery) {
		if err := guarded(func() error { return db.Compact(ctx) }); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func due(last *time.Time, now time.Time, every time.Duration) bool {
	if since := now.Sub(*last); since >= 0 && since < every {
		return false
	}
	*last = now
	return true
}
