package operational

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// watchSchema holds what the Deacon notes. Texts are cut to fit. The table
// events was replaced by the feed, which takes over its rows.
var watchSchema = doltdb.Migration{
	Name: "heartbeats, checks, jobs and events",
	Statements: []string{
		`CREATE TABLE heartbeats (agent VARCHAR(128) PRIMARY KEY, state VARCHAR(32) NOT NULL, note VARCHAR(256) NOT NULL,
			timestamp DATETIME(6) NOT NULL, INDEX idx_timestamp (timestamp))`,
		`CREATE TABLE check_states (name VARCHAR(128) PRIMARY KEY, state VARCHAR(16) NOT NULL, figure VARCHAR(256) NOT NULL,
			since DATETIME(6) NOT NULL)`,
		`CREATE TABLE job_runs (job VARCHAR(128) PRIMARY KEY, began DATETIME(6) NOT NULL, took_us BIGINT NOT NULL,
			outcome VARCHAR(16) NOT NULL, note VARCHAR(256) NOT NULL, error VARCHAR(512) NOT NULL)`,
		`CREATE TABLE events (id CHAR(36) PRIMARY KEY, at DATETIME(6) NOT NULL, kind VARCHAR(32) NOT NULL,
			subject VARCHAR(128) NOT NULL, detail VARCHAR(512) NOT NULL, INDEX idx_at (at))`,
	},
}

// Heartbeat is the last sign of life of an agent.
type Heartbeat struct {
	Agent, State, Note string
	At                 time.Time
	// Run is the session that sent it; 0 when that is not known. It is not stored: a
	// heartbeat of a run before the agent's is left out.
	Run town.Run
}

// CheckState is what a check found when its state last changed.
type CheckState struct {
	Name, State, Figure string
	Since               time.Time
}

// JobRun is the last run of a job of the Deacon.
type JobRun struct {
	Job                  string
	Began                time.Time
	Took                 time.Duration
	Outcome, Note, Error string
}

// Batch is recorded as a whole. Of several heartbeats of one agent, runs of one
// job or states of one check, the last one is stored.
type Batch struct {
	Heartbeats []Heartbeat
	Checks     []CheckState
	Jobs       []JobRun
	// Entries are appended to the feed, in their order.
	Entries []Entry
}

// Empty reports that there is nothing to record.
func (b Batch) Empty() bool {
	return len(b.Heartbeats)+len(b.Checks)+len(b.Jobs)+len(b.Entries) == 0
}

// Record writes a batch in one transaction and without a Dolt commit: rows are
// replaced in place, so the history does not grow with every heartbeat.
func (s *Store) Record(ctx context.Context, b Batch) error {
	if b.Empty() {
		return nil
	}
	var checks, jobs [][]any
	for _, c := range last(b.Checks, func(c CheckState) string { return c.Name }) {
		checks = append(checks, []any{town.Clip(c.Name, 128), town.Clip(c.State, 16), town.Clip(c.Figure, 256), stamp(c.Since)})
	}
	for _, j := range last(b.Jobs, func(j JobRun) string { return j.Job }) {
		jobs = append(jobs, []any{town.Clip(j.Job, 128), stamp(j.Began), j.Took.Microseconds(),
			town.Clip(j.Outcome, 16), town.Clip(j.Note, 256), town.Clip(j.Error, 512)})
	}
	err := s.db.Write(ctx, func(tx *doltdb.Tx) error {
		now, err := ofCurrentRuns(b.Heartbeats, func(agent string) (run town.Run, err error) {
			err = tx.QueryRow(ctx, runQuery, agent).Scan(&run)
			return run, err
		})
		if err != nil {
			return err
		}
		var beats [][]any
		for _, h := range last(now, func(h Heartbeat) string { return h.Agent }) {
			beats = append(beats, []any{town.Clip(h.Agent, 128), town.Clip(h.State, 32), town.Clip(h.Note, 256), stamp(h.At)})
		}
		err = write(ctx, tx, doltdb.Replace, "heartbeats", "agent, state, note, timestamp", beats)
		if err == nil {
			err = write(ctx, tx, doltdb.Replace, "check_states", "name, state, figure, since", checks)
		}
		if err == nil {
			err = write(ctx, tx, doltdb.Replace, "job_runs", "job, began, took_us, outcome, note, error", jobs)
		}
		if err == nil && len(b.Entries) > 0 {
			_, err = s.append(ctx, tx, Arrival{Entries: b.Entries})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("record what the Deacon saw: %w", err)
	}
	return nil
}

// ofCurrentRuns leaves out the heartbeats of runs that are over.
func ofCurrentRuns(all []Heartbeat, runOf func(agent string) (town.Run, error)) (now []Heartbeat, err error) {
	for _, h := range all {
		if h.Run > 0 {
			run, err := runOf(h.Agent)
			if err != nil {
				return nil, err
			}
			if h.Run < run {
				continue
			}
		}
		now = append(now, h)
	}
	return now, nil
}

// last returns the last element of each key, sorted by key: one statement may
// not write a row twice.
func last[T any](all []T, key func(T) string) []T {
	byKey := map[string]T{}
	for _, v := range all {
		byKey[key(v)] = v
	}
	out := make([]T, 0, len(byKey))
	for _, v := range byKey {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	return out
}

// Prune removes heartbeats and runs of jobs, if they are older than before, and entries of the feed that are older than before or than the feed's
// retention allows. It returns how many rows it removed. The states of checks stay.
func (s *Store) Prune(ctx context.Context, before time.Time) (removed int64, err error) {
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		removed = 0
		for _, q := range []string{
			"DELETE FROM heartbeats WHERE timestamp < ?", "DELETE FROM events WHERE at < ?", "DELETE FROM job_runs WHERE began < ?",
		} {
			n, err := tx.Exec(ctx, q, stamp(before))
			if err != nil {
				return err
			}
			removed += n
		}
		n, err := s.expire(ctx, tx, before)
		removed += n
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remove old records: %w", err)
	}
	return removed, nil
}
