package operational

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	ids "github.com/google/uuid"

	"gastown/planes/doltdb"
	"gastown/town"
)

// watch is the schema of what the Deacon notes. Texts are cut to fit.
var watch = doltdb.Migration{
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
}

// CheckState is what a check found when its state last changed.
type CheckState struct {
	Name, State, Figure string
	Since               time.Time
}

// JobRun is the last run of a job of the Deacon's.
type JobRun struct {
	Job                  string
	Began                time.Time
	Took                 time.Duration
	Outcome, Note, Error string
}

// Event is something that happened once: a check that changed its state.
type Event struct {
	At                    time.Time
	Kind, Subject, Detail string
}

// Batch is what is noted together. Of several heartbeats of an agent, runs of a
// job or states of a check the last one stands.
type Batch struct {
	Heartbeats []Heartbeat
	Checks     []CheckState
	Jobs       []JobRun
	Events     []Event
}

// Empty reports that there is nothing to note.
func (b Batch) Empty() bool {
	return len(b.Heartbeats)+len(b.Checks)+len(b.Jobs)+len(b.Events) == 0
}

// Record notes a batch in one transaction and without a Dolt commit: rows are
// replaced in place, so that history does not grow with every sign of life.
func (s *Store) Record(ctx context.Context, b Batch) error {
	if b.Empty() {
		return nil
	}
	var beats, checks, jobs, events []any
	for _, h := range last(b.Heartbeats, func(h Heartbeat) string { return h.Agent }) {
		beats = append(beats, town.Clip(h.Agent, 128), town.Clip(h.State, 32), town.Clip(h.Note, 256), stamp(h.At))
	}
	for _, c := range last(b.Checks, func(c CheckState) string { return c.Name }) {
		checks = append(checks, town.Clip(c.Name, 128), town.Clip(c.State, 16), town.Clip(c.Figure, 256), stamp(c.Since))
	}
	for _, j := range last(b.Jobs, func(j JobRun) string { return j.Job }) {
		jobs = append(jobs, town.Clip(j.Job, 128), stamp(j.Began), j.Took.Microseconds(),
			town.Clip(j.Outcome, 16), town.Clip(j.Note, 256), town.Clip(j.Error, 512))
	}
	for _, e := range b.Events {
		events = append(events, ids.NewString(), stamp(e.At), town.Clip(e.Kind, 32), town.Clip(e.Subject, 128), town.Clip(e.Detail, 512))
	}
	err := s.Write(ctx, func(tx *doltdb.Tx) error {
		for _, t := range []struct {
			table   string
			columns int
			args    []any
		}{{"heartbeats", 4, beats}, {"check_states", 4, checks}, {"job_runs", 6, jobs}, {"events", 5, events}} {
			if err := put(ctx, tx, t.table, t.columns, t.args); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note what the Deacon saw: %w", err)
	}
	return nil
}

// last keeps the last element of each key, sorted by key: one statement may
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

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

// put replaces rows, several with each statement.
func put(ctx context.Context, tx *doltdb.Tx, table string, columns int, args []any) error {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	for some := range slices.Chunk(args, columns*batchRows) {
		query := "REPLACE INTO " + table + " VALUES " + row + strings.Repeat(", "+row, len(some)/columns-1)
		if _, err := tx.Exec(ctx, query, some...); err != nil {
			return err
		}
	}
	return nil
}

// Prune removes heartbeats, jobs and events older than before and says how
// many rows that were. The states of checks stay.
func (s *Store) Prune(ctx context.Context, before time.Time) (removed int64, err error) {
	err = s.Write(ctx, func(tx *doltdb.Tx) error {
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
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("remove old records: %w", err)
	}
	return removed, nil
}
