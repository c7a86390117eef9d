package ledger

import (
	"context"
	"time"

	"gastown/town"
)

// UsualLimit is how many beads a list shows when nobody says how many. One more
// is asked for, to tell that there are more.
const UsualLimit = 50

// LineFields are what a line of a list needs of a bead.
func LineFields() Fields {
	return Fields{"id", "title", "status", "priority", "issue_type", "assignee"}
}

// settlePause is how often it is looked whether writes have settled.
const settlePause = 50 * time.Millisecond

// Warm reads the beads a filter selects into the caches, so that Get finds
// them, and says how many. At most as many as the cache holds are read. What is
// read while a write is half done is not kept, so that is waited for.
func (s *Store) Warm(ctx context.Context, f Filter) (int, error) {
	if s.caches == nil {
		return 0, nil
	}
	if err := s.settled(ctx); err != nil {
		return 0, err
	}
	f.Fields = Fields{"id"}
	if f.Limit <= 0 || f.Limit > defaultBeads {
		f.Limit = defaultBeads
	}
	var items []Item
	if err := s.List(ctx, f, Collect(&items)); err != nil {
		return 0, err
	}
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = items[i].ID
	}
	found, err := s.get(ctx, ids, nil)
	return len(found), err
}

// WarmUsual reads the answers into the caches that are asked for most: what is
// not closed, what is ready, what waits, and the ledger in numbers, as people
// read them and as programs do. It says how many answers these are. What depends
// on the time of day, as ready work does, is right for a quarter of a minute.
func (s *Store) WarmUsual(ctx context.Context) (n int, err error) {
	if s.caches == nil {
		return 0, nil
	}
	if err := s.settled(ctx); err != nil {
		return 0, err
	}
	ignore := func(Item) error { return nil }
	closed := []town.Status{town.StatusClosed}
	var reads []func() error
	for _, fields := range []Fields{nil, LineFields()} {
		reads = append(reads,
			func() error { return s.List(ctx, Filter{Not: closed, Limit: UsualLimit + 1, Fields: fields}, ignore) },
			func() error { return s.Ready(ctx, Filter{Limit: UsualLimit + 1, Fields: fields}, ignore) })
	}
	reads = append(reads,
		func() error { _, err := s.Blocked(ctx, Filter{Not: closed, Limit: UsualLimit}); return err },
		func() error { _, err := s.Stats(ctx); return err })
	for _, read := range reads {
		if err := read(); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// settled waits until no write is half done, or until that can be no more.
func (s *Store) settled(ctx context.Context) error {
	pause := time.NewTicker(settlePause)
	defer pause.Stop()
	for end := time.Now().Add(2 * settleTime); time.Now().Before(end); {
		if _, settled, err := s.sign(ctx); err != nil || settled {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
