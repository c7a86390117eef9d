package operational

import (
	"context"
	"slices"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

const runQuery = "SELECT COALESCE(SUM(run), 0) FROM operational_state WHERE agent = ?"

// RunOf is the number of the newest session of an agent; 0 when it has had none.
func (s *Store) RunOf(ctx context.Context, agent string) (run town.Run, err error) {
	err = s.read(ctx, "the newest run of "+town.Clip(agent, 80), func(rows *doltdb.Rows) error { return rows.Scan(&run) }, runQuery, agent)
	return run, err
}

// Heartbeats returns the last sign of life of each agent that gave one since a
// time, by name.
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

// latencyReads is how many reads Latency takes the median of: one of them may
// meet a busy moment of the machine.
const latencyReads = 5

// Latency is how long a point read takes, transport included.
func (s *Store) Latency(ctx context.Context) (took time.Duration, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
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
