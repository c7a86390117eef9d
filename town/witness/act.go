package witness

import (
	"context"
	"errors"
	"fmt"

	"gastown/planes/operational"
	"gastown/town"
)

// carryOut does actions in their order, but nudges, which watch does.
func (w *Witness) carryOut(ctx context.Context, actions []Action, done *Report) {
	for _, a := range actions {
		if a.Deed == Nudge {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		acted, err := w.act(ctx, a)
		if errors.As(err, new(*operational.StaleError)) {
			acted, err = false, nil // the state that it was planned from has changed
		}
		if err != nil {
			done.Failed = append(done.Failed, fmt.Errorf("%s: %w", a, err))
		} else if acted {
			done.Actions = append(done.Actions, a)
		}
	}
}

func (w *Witness) act(ctx context.Context, a Action) (acted bool, err error) {
	switch a.Deed {
	case HandIn, Recover:
		acted, err = w.locked(ctx, a)
		if acted {
			err = errors.Join(err, w.Settle(ctx))
		}
	case Requeue:
		err = w.Rows(ctx, func(rows Store) error {
			acted, err = rows.Requeue(ctx, a.recovery.Epoch, a.priority, w.Now())
			return err
		})
	case Leave:
		acted, err = true, w.move(ctx, a.recovery, operational.RecoveryLeft)
	case Free:
		acted, err = true, w.move(ctx, a.recovery, operational.RecoveryFreed)
	case Raise:
		err = w.Beads(ctx, func(l Ledger) error {
			acted, err = l.Raise(ctx, a.trouble)
			return err
		})
	case Settle:
		acted, err = true, w.Beads(ctx, func(l Ledger) error { return l.Settle(ctx, a.trouble.Key, "the trouble has gone") })
	}
	return acted && err == nil, err
}

func (w *Witness) move(ctx context.Context, r operational.Recovery, to operational.RecoveryState) error {
	return w.Rows(ctx, func(rows Store) error { return rows.SettleRecovery(ctx, r.Epoch, r.State, to, w.Now()) })
}

// locked carries out what an agent's lock is for. It looks again first, and does nothing
// when the polecat is not any more as it was.
func (w *Witness) locked(ctx context.Context, a Action) (acted bool, err error) {
	unlock, err := w.Lock(ctx, a.Agent)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	var now operational.Work
	err = w.Rows(ctx, func(rows Store) error {
		now, err = rows.Work(ctx)
		return err
	})
	if err != nil {
		return false, err
	}
	held, ok := now.HeldBy(a.Agent)
	if !ok || held.Ticket != a.assignment.Ticket || held.State != a.assignment.State {
		return false, nil
	}
	begun := now.Recovering(held.Epoch)
	if !begun {
		if same, err := w.same(ctx, a); err != nil || !same {
			return false, err
		}
	}
	if a.Deed == HandIn && !begun {
		return w.handIn(ctx, a)
	}
	return w.recover(ctx, a, a.Why)
}

// same reports whether a polecat shows what it showed when the action was planned.
func (w *Witness) same(ctx context.Context, a Action) (bool, error) {
	all, err := w.Sessions.Survey(ctx, func(Session) bool { return false })
	if err != nil {
		return false, err
	}
	now, before := all[a.Agent], a.finding.facts.Session
	if (now == nil) != (before == nil) {
		return false, nil
	}
	if now != nil && (now.Run != before.Run || now.Ended != before.Ended || a.finding.Cause != CauseProgress && !now.Output.Equal(before.Output)) {
		return false, nil
	}
	if a.finding.facts.Trace == "" {
		return true, nil
	}
	trace, err := w.Sandboxes.Trace(a.Agent)
	return trace == a.finding.facts.Trace, err
}

// handIn hands in for an agent. What cannot be handed in is given back.
func (w *Witness) handIn(ctx context.Context, a Action) (bool, error) {
	m, err := w.Sandboxes.Publish(ctx, a.assignment)
	if errors.Is(err, town.ErrRefused) {
		return w.recover(ctx, a, a.Why+"; it could not be handed in: "+town.Plain(err.Error()))
	}
	if err != nil {
		return false, err
	}
	err = w.Beads(ctx, func(l Ledger) error {
		all, err := l.Beads(ctx, []string{a.Bead})
		m.Priority = all[a.Bead].Priority
		return err
	})
	if err != nil {
		return false, err
	}
	return true, w.Rows(ctx, func(rows Store) error { return rows.Submit(ctx, a.assignment.Ticket, m, w.Now()) })
}

// recover takes an assignment away from its worker: from the row on nobody starts
// another session for it, and whoever finds the row goes on.
func (w *Witness) recover(ctx context.Context, a Action, why string) (bool, error) {
	t := a.assignment.Ticket
	err := w.Rows(ctx, func(rows Store) (err error) {
		why, err = rows.BeginRecovery(ctx, t, fmt.Sprintf("%s: %s", cause(a.finding), why), w.Now())
		return err
	})
	if err != nil {
		return false, err
	}
	if err := w.Sessions.End(ctx, a.Agent); err != nil {
		return false, err
	}
	return w.giveBack(ctx, a.assignment, why, loss{
		said: fmt.Sprintf("%s was %s", a.Agent, why), nothing: "there was nothing to save", most: w.Recoveries,
	})
}

// loss is what is said of a worker that was lost.
type loss struct {
	said string
	// nothing is said, too, when the sandbox holds nothing that is to be saved.
	nothing string
	// most is how many losses a bead may have; see operational.Lost.
	most int
}

// giveBack saves the work of a worker whose session has ended, and gives its bead back.
// tried says that the work is saved, and that the bead may be given back even after an error.
func (w *Witness) giveBack(ctx context.Context, held operational.Assignment, why string, l loss) (tried bool, err error) {
	ref, what, err := w.Sandboxes.Save(ctx, held.Agent, why)
	if err != nil {
		return false, err
	}
	if ref != "" {
		l.said += fmt.Sprintf("; its work is saved at %s (%s)", ref, what)
	} else if l.nothing != "" {
		l.said += "; " + l.nothing
	}
	return true, w.Rows(ctx, func(rows Store) error {
		_, err := rows.GiveBack(ctx, held.Ticket, operational.Lost{
			Why: l.said, Saved: ref, Most: l.most, Actor: town.Address{Kind: town.Witness, Rig: held.Agent.Rig}.String(),
		}, w.Now())
		return err
	})
}

func cause(f Finding) string {
	if f.Cause == "" {
		return string(f.Verdict)
	}
	return string(f.Verdict) + " (" + f.Cause + ")"
}

// reminder is what an agent is told.
func reminder(f Finding) string {
	a := f.facts.Assignment
	end := "If the work is done run: gt done. If you need a person run: gt escalate --help. Otherwise go on."
	switch f.Cause {
	case CauseCommits, CausePushed:
		return fmt.Sprintf("Your branch %s has commits, and nothing moves. %s", a.Agent.Branch(a.Bead), end)
	case CauseProgress:
		return fmt.Sprintf("Nothing has changed in your sandbox for long. Your work is %s; gt hook shows it. %s", a.Bead, end)
	}
	return fmt.Sprintf("Your work is %s; gt hook shows it. %s", a.Bead, end)
}
