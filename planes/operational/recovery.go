package operational

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// witnessSchema holds what patrols saw of agents, and the beads that were taken away
// from a worker that was lost.
var witnessSchema = doltdb.Migration{
	Name: "witness",
	Statements: []string{
		`CREATE TABLE watched (
			agent VARCHAR(160) PRIMARY KEY, rig VARCHAR(64) NOT NULL, run BIGINT NOT NULL, epoch BIGINT NOT NULL, print VARCHAR(128) NOT NULL,
			moved DATETIME(6) NOT NULL, walked DATETIME(6) NOT NULL, cpu BIGINT NOT NULL, sampled DATETIME(6) NOT NULL, output DATETIME(6) NOT NULL,
			verdict VARCHAR(32) NOT NULL, cause VARCHAR(64) NOT NULL, evidence VARCHAR(512) NOT NULL, since DATETIME(6) NOT NULL,
			nudges INT NOT NULL, nudged DATETIME(6) NOT NULL)`,
		`CREATE TABLE recoveries (
			epoch BIGINT PRIMARY KEY, bead VARCHAR(255) NOT NULL, rig VARCHAR(64) NOT NULL, agent VARCHAR(160) NOT NULL, run BIGINT NOT NULL,
			state VARCHAR(16) NOT NULL, why VARCHAR(1024) NOT NULL, saved VARCHAR(512) NOT NULL, at DATETIME(6) NOT NULL, changed DATETIME(6) NOT NULL,
			INDEX idx_bead (bead), INDEX idx_state (state))`,
	},
}

// RecoveryState says how far a recovery came.
type RecoveryState string

// The states of a recovery. In the first three something is still to be done.
const (
	// RecoveryBegun: the session is ended and its work is saved. The assignment holds
	// its bead until then.
	RecoveryBegun RecoveryState = "begun"
	// RecoveryReturned: the bead was given back, and is to wait for another worker.
	RecoveryReturned RecoveryState = "returned"
	// RecoveryBlocked: the bead was lost too often, and waits for a person.
	RecoveryBlocked RecoveryState = "blocked"
	// RecoveryQueued: the bead waits for another worker, or has one.
	RecoveryQueued RecoveryState = "queued"
	// RecoveryLeft: somebody else decided about the bead.
	RecoveryLeft RecoveryState = "left"
	// RecoveryFreed: a person let a blocked bead go on. Its recoveries count anew.
	RecoveryFreed RecoveryState = "freed"
	// RecoveryMoved: the bead waits for another worker, or has one, because the host of its
	// worker was lost. That does not count against the bead.
	RecoveryMoved RecoveryState = "moved"
)

// RecoveryStates lists every state, those first in which something is to be done.
var RecoveryStates = []RecoveryState{RecoveryBegun, RecoveryReturned, RecoveryBlocked, RecoveryQueued, RecoveryLeft, RecoveryFreed, RecoveryMoved}

// openRecoveries are the first three as SQL has them in a list.
const openRecoveries = "'begun', 'returned', 'blocked'"

// Recovery is one assignment that was taken away from its worker.
type Recovery struct {
	town.Ticket
	State RecoveryState `json:"state"`
	// Why says what was found, Saved where the worker's work is; "" for nothing.
	Why   string `json:"why"`
	Saved string `json:"saved,omitempty"`
	// At is when it was begun, Changed when it came into its state.
	At      time.Time `json:"at"`
	Changed time.Time `json:"changed"`
}

// checked fills in what has to be checked first.
func (r *Recovery) checked(agent, state string) (err error) {
	r.At, r.Changed = r.At.UTC(), r.Changed.UTC()
	if r.Agent, err = town.ParseAddress(agent); err == nil {
		r.State, err = town.ParseWord("state of a recovery", state, RecoveryStates)
	}
	if err == nil {
		err = r.Ticket.Check()
	}
	if err != nil {
		return spoilt{fmt.Errorf("the recovery of epoch %d: %w", r.Epoch, err)}
	}
	return nil
}

const recoveryColumns = "epoch, bead, rig, agent, run, state, why, saved, at, changed"

// BeginRecovery records that the worker of a ticket is about to lose its bead. Nobody
// starts another session for the assignment from then on. Doing it again changes nothing.
// first is why it was begun the first time.
func (s *Store) BeginRecovery(ctx context.Context, t town.Ticket, why string, now time.Time) (first string, err error) {
	err = s.advance(ctx, "begin the recovery of", t, func(tx *doltdb.Tx, a Assignment) error {
		err := tx.QueryRow(ctx, "SELECT why FROM recoveries WHERE epoch = ?", int64(a.Epoch)).Scan(&first)
		if !errors.Is(err, doltdb.ErrNoRows) {
			return err
		}
		first = text(why, maxReason)
		return write(ctx, tx, doltdb.Insert, "recoveries", recoveryColumns, [][]any{recoveryRow(a, RecoveryBegun, why, "", moment(now))})
	})
	return first, err
}

func recoveryRow(a Assignment, state RecoveryState, why, saved string, now time.Time) []any {
	return []any{int64(a.Epoch), a.Bead, a.Agent.Rig, a.Agent.String(), int64(a.Run), string(state), text(why, maxReason), text(saved, maxEvidence), stamp(now), stamp(now)}
}

// Lost is what GiveBack records of a worker that was lost.
type Lost struct {
	// Why says what was found, Saved where the worker's work is; "" for nothing.
	Why, Saved string
	// Most is how often a bead may be taken away from a worker: the last time it is
	// blocked. 0 never blocks it.
	Most int
	// Actor is who takes it away.
	Actor string
}

// GiveBack ends an assignment whose worker was lost, as Returned, or as Stuck when the
// bead was taken away from a worker too often. It counts from when a person last let it
// go on. It returns the recovery.
func (s *Store) GiveBack(ctx context.Context, t town.Ticket, l Lost, now time.Time) (r Recovery, err error) {
	now = moment(now)
	err = s.advance(ctx, "give back", t, func(tx *doltdb.Tx, a Assignment) error {
		n := 0
		err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM recoveries WHERE bead = ? AND state NOT IN (?, ?) AND epoch <> ? AND epoch >"+
			" (SELECT COALESCE(MAX(epoch), 0) FROM recoveries WHERE bead = ? AND state = ?)",
			a.Bead, string(RecoveryBegun), string(RecoveryMoved), int64(a.Epoch), a.Bead, string(RecoveryFreed)).Scan(&n)
		if err != nil {
			return err
		}
		n++
		state, to, why := RecoveryReturned, town.Returned, l.Why
		switch {
		case l.Most > 0 && n >= l.Most:
			state, to = RecoveryBlocked, town.Stuck
			why = fmt.Sprintf("%s; a worker was lost on it %d time(s), so a person must look", why, n)
		case l.Most > 0:
			why = fmt.Sprintf("%s; another worker gets it (loss %d of %d)", why, n, l.Most)
		}
		r = Recovery{Ticket: a.Ticket, State: state, Why: text(why, maxReason), Saved: text(l.Saved, maxEvidence), At: now, Changed: now}
		if err := s.leave(ctx, tx, a, to, why, l.Actor, now); err != nil {
			return err
		}
		return write(ctx, tx, doltdb.Replace, "recoveries", recoveryColumns, [][]any{recoveryRow(a, state, why, l.Saved, now)})
	})
	return r, err
}

// Requeue lets a bead that was given back wait for another worker, with the options of
// its former assignment. The size of the queue is no bound for it. It says false, and
// notes that somebody else decided, when the bead waits already or somebody has it.
func (s *Store) Requeue(ctx context.Context, epoch town.Epoch, priority int, now time.Time) (waits bool, err error) {
	now = moment(now)
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		waits = false
		a, err := byEpoch(ctx, tx, epoch)
		if errors.Is(err, doltdb.ErrNoRows) {
			return s.moveRecovery(ctx, tx, epoch, RecoveryReturned, RecoveryLeft, now)
		}
		if err != nil {
			return err
		}
		var n int
		err = tx.QueryRow(ctx, "SELECT COUNT(*) FROM recoveries WHERE epoch = ? AND state = ?", int64(epoch), string(RecoveryReturned)).Scan(&n)
		if err != nil || n == 0 {
			return err
		}
		err = tx.QueryRow(ctx, "SELECT (SELECT COUNT(*) FROM assignments WHERE open_bead = ?) + (SELECT COUNT(*) FROM work_queue WHERE bead = ?)", a.Bead, a.Bead).Scan(&n)
		if err != nil {
			return err
		}
		if n > 0 {
			return s.moveRecovery(ctx, tx, epoch, RecoveryReturned, RecoveryLeft, now)
		}
		w := Waiting{Bead: a.Bead, Rig: a.Agent.Rig, Priority: priority, Options: a.Options, By: a.By}
		if _, err := s.enqueue(ctx, tx, []Waiting{w}, []any{w.Bead}, 0, now); err != nil {
			return err
		}
		waits = true
		return s.moveRecovery(ctx, tx, epoch, RecoveryReturned, RecoveryQueued, now)
	})
	return waits, explainWork("let a bead wait for another worker", err)
}

// SettleRecovery brings a recovery that is in one state into another one. It does nothing
// when it is in neither.
func (s *Store) SettleRecovery(ctx context.Context, epoch town.Epoch, from, to RecoveryState, now time.Time) error {
	err := s.db.Write(ctx, func(tx *doltdb.Tx) error { return s.moveRecovery(ctx, tx, epoch, from, to, moment(now)) })
	return explainWork("record what became of a recovery", err)
}

func (s *Store) moveRecovery(ctx context.Context, tx *doltdb.Tx, epoch town.Epoch, from, to RecoveryState, now time.Time) error {
	_, err := tx.Exec(ctx, "UPDATE recoveries SET state = ?, changed = ? WHERE epoch = ? AND state = ?", string(to), stamp(now), int64(epoch), string(from))
	return err
}

// forgetRecovery forgets a recovery that was begun and that the worker forestalled.
func forgetRecovery(ctx context.Context, tx *doltdb.Tx, e town.Epoch) error {
	_, err := tx.Exec(ctx, "DELETE FROM recoveries WHERE epoch = ? AND state = ?", int64(e), string(RecoveryBegun))
	return err
}
