package operational

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// StaleError reports a ticket that counts no more: the assignment ended, another
// session took it over, or it never was.
type StaleError struct {
	Ticket town.Ticket
	// Now is what has become of the assignment; nil if there is none of this epoch.
	Now *Assignment
}

func (e *StaleError) Error() string {
	switch {
	case e.Now == nil:
		return fmt.Sprintf("there is no assignment of %s", e.Ticket)
	case !e.Now.State.Held():
		return fmt.Sprintf("the assignment has ended: %s, now %s since %s", e.Ticket, e.Now.State, e.Now.Changed.Format(time.RFC3339))
	case e.Now.Run != e.Ticket.Run:
		return fmt.Sprintf("another session took over: %s, now run %d", e.Ticket, e.Now.Run)
	}
	return fmt.Sprintf("the ticket does not match: %s, now %s", e.Ticket, e.Now.Ticket)
}

// Unwrap makes it a town.ErrRefused.
func (e *StaleError) Unwrap() error { return town.ErrRefused }

// current reads the assignment that a ticket is for. It fails with a *StaleError
// unless the assignment holds its agent and has the ticket's run.
func current(ctx context.Context, tx *doltdb.Tx, t town.Ticket) (Assignment, error) {
	a, err := byEpoch(ctx, tx, t.Epoch)
	switch {
	case errors.Is(err, doltdb.ErrNoRows):
		return a, &StaleError{Ticket: t}
	case err != nil:
		return a, err
	case a.Ticket != t || !a.State.Held():
		return a, &StaleError{Ticket: t, Now: &a}
	}
	return a, nil
}

func byEpoch(ctx context.Context, tx *doltdb.Tx, e town.Epoch) (Assignment, error) {
	return scanAssignment(tx.QueryRow(ctx, "SELECT "+assignmentColumns+" FROM assignments WHERE epoch = ?", int64(e)))
}

// advance changes the assignment of a ticket in one transaction with fn.
func (s *Store) advance(ctx context.Context, op string, t town.Ticket, fn func(*doltdb.Tx, Assignment) error) error {
	err := t.Check()
	if err == nil {
		err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
			a, err := current(ctx, tx, t)
			if err != nil {
				return err
			}
			return fn(tx, a)
		})
	}
	return explainWork(op+" "+town.Clip(t.Bead, 80), err)
}

// Started records that the session of the ticket's run exists, and its sandbox.
func (s *Store) Started(ctx context.Context, t town.Ticket, session, sandbox string, now time.Time) error {
	return s.advance(ctx, "record the session for", t, func(tx *doltdb.Tx, a Assignment) error {
		_, err := tx.Exec(ctx, "UPDATE operational_state SET session = ?, sandbox = ? WHERE agent = ?", session, sandbox, a.Agent.String())
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{
			At: now, Kind: SessionStarted, Subject: a.Agent.String(), Detail: "run " + strconv.FormatInt(int64(a.Run), 10) + " for " + a.Bead,
			Data: data("bead", a.Bead, "session", session),
		})
	})
}

// Working records that the session was handed its work. Doing it again changes
// nothing.
func (s *Store) Working(ctx context.Context, t town.Ticket, evidence string, now time.Time) error {
	return s.advance(ctx, "start work on", t, func(tx *doltdb.Tx, a Assignment) error {
		if a.State == town.Working {
			return nil
		}
		if err := began(ctx, tx, a.Epoch); err != nil {
			return err
		}
		a.State, a.Changed = town.Working, moment(now)
		if _, err := tx.Exec(ctx, "UPDATE assignments SET state = ?, changed = ? WHERE epoch = ?", string(a.State), stamp(now), int64(a.Epoch)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE operational_state SET status = ?, evidence = ?, since = ? WHERE agent = ?",
			string(town.AgentWorking), text(evidence, maxEvidence), stamp(now), a.Agent.String())
		if err != nil {
			return err
		}
		return s.note(ctx, tx, entryOf(a, a.Agent.String()))
	})
}

// Renewal says why an assignment gets another session.
type Renewal struct {
	Reason string
	// Lost says that the former session was lost. Otherwise its agent asked for the
	// next one, and Assignment.Sessions begins to count anew.
	Lost bool
}

// Renew gives the assignment to the next session of its agent: the ticket is stale
// from then on, and the one returned takes its place. The assignment starts again,
// in the same sandbox.
func (s *Store) Renew(ctx context.Context, t town.Ticket, how Renewal, now time.Time) (renewed town.Ticket, err error) {
	err = s.advance(ctx, "begin another session for", t, func(tx *doltdb.Tx, a Assignment) error {
		a.Run++
		a.Sessions++
		if !how.Lost {
			a.Sessions = 1
		}
		if err := forgetRecovery(ctx, tx, a.Epoch); err != nil {
			return err
		}
		renewed = a.Ticket
		_, err := tx.Exec(ctx, "UPDATE assignments SET run = ?, state = ?, sessions = ?, changed = ? WHERE epoch = ?",
			int64(a.Run), string(town.Assigned), a.Sessions, stamp(now), int64(a.Epoch))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE operational_state SET run = ?, status = ?, session = '', evidence = ?, since = ? WHERE agent = ?",
			int64(a.Run), string(town.AgentWorking), text("its next session starts: "+how.Reason, maxEvidence), stamp(now), a.Agent.String())
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{
			At: now, Kind: SessionRenewed, Subject: a.Agent.String(), Detail: "run " + strconv.FormatInt(int64(a.Run), 10) + " for " + a.Bead + ": " + how.Reason,
			Data: data("bead", a.Bead, "epoch", strconv.FormatInt(int64(a.Epoch), 10)),
		})
	})
	return renewed, err
}

// End ends an assignment that holds its agent: Finished, Returned, Released or
// Stuck. The agent is free, and a zombie while it has a session. The bead is held
// until Told says that the ledger knows.
func (s *Store) End(ctx context.Context, t town.Ticket, how town.AssignmentState, reason, actor string, now time.Time) error {
	switch how {
	case town.Finished, town.Returned, town.Released, town.Stuck:
	default:
		return fmt.Errorf("end the assignment of %s: an assignment does not end %q", town.Clip(t.Bead, 80), how)
	}
	return s.advance(ctx, "end the assignment of", t, func(tx *doltdb.Tx, a Assignment) error {
		return s.leave(ctx, tx, a, how, reason, actor, moment(now))
	})
}

// leave brings an assignment into a state in which it does not hold its agent.
func (s *Store) leave(ctx context.Context, tx *doltdb.Tx, a Assignment, to town.AssignmentState, reason, actor string, now time.Time) error {
	if err := errors.Join(began(ctx, tx, a.Epoch), forgetRecovery(ctx, tx, a.Epoch)); err != nil {
		return err
	}
	a.State, a.Reason, a.Changed = to, text(reason, maxReason), now
	_, err := tx.Exec(ctx, "UPDATE assignments SET state = ?, open_agent = NULL, told = FALSE, reason = ?, changed = ? WHERE epoch = ?",
		string(to), a.Reason, stamp(now), int64(a.Epoch))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE operational_state SET status = IF(session = '', 'idle', 'zombie'), bead = '', evidence = ?, since = ? WHERE agent = ?",
		text(left(a), maxEvidence), stamp(now), a.Agent.String())
	if err != nil {
		return err
	}
	return s.note(ctx, tx, entryOf(a, actor))
}

// left is the evidence of an agent whose assignment ended. Why its work was returned may
// also be why the next one cannot begin.
func left(a Assignment) string {
	evidence := "its assignment of " + a.Bead + " is " + string(a.State)
	if a.State == town.Returned && a.Reason != "" {
		evidence += ": " + a.Reason
	}
	return evidence
}

// Told records that the ledger knows of an assignment's state. One that has ended
// gives its bead free. It says false, and changes nothing, when the state is
// another one by now.
func (s *Store) Told(ctx context.Context, epoch town.Epoch, state town.AssignmentState) (counted bool, err error) {
	free := ""
	if !state.Open() {
		free = ", open_bead = NULL"
	}
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE assignments SET told = TRUE"+free+" WHERE epoch = ? AND state = ? AND told = FALSE", int64(epoch), string(state))
		counted = n > 0
		return err
	})
	return counted, explainWork("record what the ledger knows", err)
}

// Untold asks for the ledger to be told again of an assignment that holds its bead.
func (s *Store) Untold(ctx context.Context, epoch town.Epoch) error {
	err := s.db.Write(ctx, func(tx *doltdb.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE assignments SET told = FALSE WHERE epoch = ? AND open_bead IS NOT NULL", int64(epoch))
		return err
	})
	return explainWork("record what the ledger knows", err)
}
