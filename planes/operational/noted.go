package operational

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gastown/planes/doltdb"
)

// maxEvents is how many events one call returns.
const maxEvents = 1000

// Heartbeats returns the last sign of life of each agent since then, by name.
func (s *Store) Heartbeats(ctx context.Context, since time.Time) (all []Heartbeat, err error) {
	err = s.read(ctx, "the heartbeats", func(rows *doltdb.Rows) error {
		var h Heartbeat
		err := rows.Scan(&h.Agent, &h.State, &h.Note, &h.At)
		h.At = h.At.UTC()
		all = append(all, h)
		return err
	}, "SELECT agent, state, note, timestamp FROM heartbeats WHERE timestamp >= ? ORDER BY agent", stamp(since))
	return all, err
}

// CheckStates returns the last known state of each check, by name.
func (s *Store) CheckStates(ctx context.Context) (all []CheckState, err error) {
	err = s.read(ctx, "the states of checks", func(rows *doltdb.Rows) error {
		var c CheckState
		err := rows.Scan(&c.Name, &c.State, &c.Figure, &c.Since)
		c.Since = c.Since.UTC()
		all = append(all, c)
		return err
	}, "SELECT name, state, figure, since FROM check_states ORDER BY name")
	return all, err
}

// JobRuns returns the last known run of each job, by name.
func (s *Store) JobRuns(ctx context.Context) (all []JobRun, err error) {
	err = s.read(ctx, "the runs of jobs", func(rows *doltdb.Rows) error {
		var j JobRun
		var took int64
		err := rows.Scan(&j.Job, &j.Began, &took, &j.Outcome, &j.Note, &j.Error)
		j.Began, j.Took = j.Began.UTC(), time.Duration(took)*time.Microsecond
		all = append(all, j)
		return err
	}, "SELECT job, began, took_us, outcome, note, error FROM job_runs ORDER BY job")
	return all, err
}

// Events returns the newest events since then, oldest first; at most 1,000.
func (s *Store) Events(ctx context.Context, since time.Time) (all []Event, err error) {
	err = s.read(ctx, "the events", func(rows *doltdb.Rows) error {
		var e Event
		err := rows.Scan(&e.At, &e.Kind, &e.Subject, &e.Detail)
		e.At = e.At.UTC()
		all = append(all, e)
		return err
	}, "SELECT at, kind, subject, detail FROM events WHERE at >= ? ORDER BY at DESC, id LIMIT ?", stamp(since), maxEvents)
	slices.Reverse(all)
	return all, err
}

// OpenReviews returns the reviews last recorded as open, in no order.
func (s *Store) OpenReviews(ctx context.Context) (all []Review, err error) {
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		known, err := reviews(ctx, tx)
		for _, r := range known {
			all = append(all, r)
		}
		return err
	})
	return all, err
}

// latencyReads is how many reads the latency is the median of: one of them may
// have met a busy moment of the machine.
const latencyReads = 5

// Latency is how long a point read takes, transport included.
func (s *Store) Latency(ctx context.Context) (took time.Duration, err error) {
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		var n int
		// The first statement of a session costs what later ones do not.
		if err := tx.QueryRow(ctx, "SELECT 1").Scan(&n); err != nil {
			return err
		}
		var all []time.Duration
		for range latencyReads {
			began := time.Now()
			if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM check_states WHERE name = ?", "dolt").Scan(&n); err != nil {
				return err
			}
			all = append(all, time.Since(began))
		}
		slices.Sort(all)
		took = all[latencyReads/2]
		return nil
	})
	return took, err
}

func (s *Store) read(ctx context.Context, what string, scan func(*doltdb.Rows) error, query string, args ...any) error {
	err := s.View(ctx, func(tx *doltdb.Tx) error { return tx.Each(ctx, scan, query, args...) })
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}
