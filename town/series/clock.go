package series

import (
	"errors"
	"time"

	"github.com/prometheus/prometheus/tsdb"

	"gastown/town"
)

const (
	// farAhead is how far the newest sample must be ahead of the clock to count as written
	// under a wrong clock. Nothing waits for its time to come.
	farAhead = 10 * time.Minute
	// patience is how long the clock must stay behind that sample: perhaps the clock is the
	// wrong one, and is corrected in a moment.
	patience = 10 * time.Minute
)

// late is called when a sample is older than the newest one, and returns why it was not
// written. Samples far ahead of the clock were written while that was wrong, and nothing
// could be written until their time comes. So they are put aside in the end. appending is
// held.
func (s *Store) late(at time.Time, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return err
	}
	last := time.UnixMilli(newest(s.db))
	if s.lateSince.IsZero() || at.Before(s.lateSince) {
		s.lateSince = at
	}
	if last.Sub(at) >= farAhead && at.Sub(s.lateSince) >= patience {
		s.lateSince = time.Time{}
		s.opts.Log.WithField("newest", last.UTC()).Warn("the newest figures are of the future, because the clock was wrong; they are put aside")
		_ = s.close() // what it could not write is put aside, too
		a := &aside{dir: s.opts.Dir, log: s.opts.Log, now: at}
		if failed := a.future(); failed != nil {
			err = errors.Join(err, failed)
		}
		s.open()
		if s.problem != nil {
			return s.problem
		}
	}
	return town.Fail("keep figures in "+s.opts.Dir, "look at the clock of this machine: date", "there are figures of %s already, and the clock was put back: %w",
		last.UTC().Format(time.RFC3339), err)
}

// future moves the blocks that have samples of the future, and the log with the newest
// samples.
func (a *aside) future() error {
	_, err := a.bad(func(b *tsdb.Block) error {
		if b.MaxTime() > a.now.UnixMilli() {
			return errors.New("it has figures of the future")
		}
		return nil
	})
	_, failed := a.newest("it has figures of the future")
	return errors.Join(err, failed)
}
