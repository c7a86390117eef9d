package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/operational"
	"gastown/town/machine"
	"gastown/town/spending"
)

// Store is what the dispatcher needs of the operational plane.
type Store interface {
	Work(ctx context.Context) (operational.Work, error)
	Assign(ctx context.Context, o operational.Order, now time.Time) (operational.Assignment, error)
	Hold(ctx context.Context, list []operational.Hold, now time.Time) error
	Spending(ctx context.Context, since string, beads ...string) ([]spending.Sum, error)
}

var _ Store = (*operational.Store)(nil)

// Dispatcher assigns what waits.
type Dispatcher struct {
	Rows   func(ctx context.Context, fn func(Store) error) error
	Bounds Bounds
	Budget Budget
	// Rigs are the Town's; nil means that every rig is known.
	Rigs []string
	Now  func() time.Time
	// Machine reads what the machine has left; nil when nobody looks.
	Machine func() machine.Readings
}

// maxLost is how many assignments in a row another process may make first before a
// pass ends. Each of those was progress, so the others go on.
const maxLost = 64

// Pass assigns what may be assigned now, and returns the assignments it made. An
// assignment that another process was faster with is planned anew. What keeps the rest
// is recorded when it has changed.
func (d Dispatcher) Pass(ctx context.Context) (made []operational.Assignment, err error) {
	lost := 0
	for lost < maxLost {
		again := false
		err = d.Rows(ctx, func(rows Store) error {
			w, err := rows.Work(ctx)
			if err != nil {
				return err
			}
			s := Snapshot{Work: w, Bounds: d.Bounds, Rigs: d.Rigs, Machine: machine.Unknown}
			if d.Machine != nil && len(w.Queue) > 0 {
				s.Machine = d.Machine()
			}
			if s.Spent, err = d.Budget.spent(ctx, rows, w, d.Now()); err != nil {
				return err
			}
			decided := Decide(s)
			for _, o := range decided.Orders {
				a, err := rows.Assign(ctx, o, d.Now())
				switch {
				case errors.Is(err, operational.ErrLimit):
					return nil // others were faster, up to the limit
				case changed(err):
					again = true
					lost++
					return nil
				case err != nil:
					return err
				}
				made = append(made, a)
			}
			if !operational.SameHolds(decided.Holds, w.Holds) {
				return rows.Hold(ctx, decided.Holds, d.Now())
			}
			return nil
		})
		if err != nil || !again {
			break
		}
	}
	if err != nil {
		return made, fmt.Errorf("assign what waits: %w", err)
	}
	return made, nil
}

// changed reports whether an assignment failed because something else is so by now
// than when it was planned.
func changed(err error) bool {
	return errors.As(err, new(*operational.TakenError)) || errors.Is(err, operational.ErrNotIdle) || errors.Is(err, operational.ErrUnqueued)
}

// Place is where a bead waits: 1 is next in its rig. 0 is for one that does not wait.
func Place(w operational.Work, bead string) int {
	var rig string
	for _, q := range w.Queue {
		if q.Bead == bead {
			rig = q.Rig
		}
	}
	if rig == "" {
		return 0
	}
	for i, o := range Plan(operational.Work{Queue: w.Queue}, Bounds{}, []string{rig}) {
		if o.Bead == bead {
			return i + 1
		}
	}
	return 0
}
