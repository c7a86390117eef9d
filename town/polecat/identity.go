package polecat

import (
	"fmt"

	"gastown/planes/operational"
	"gastown/town"
)

// Held is the assignment on the hook of an agent's run. It fails with a
// *operational.StaleError when another run has it, and with ErrNothing when the
// agent has none.
func Held(w operational.Work, a town.Address, run town.Run) (operational.Assignment, error) {
	held, ok := w.HeldBy(a)
	if ok && held.Run == run {
		return held, nil
	}
	if ok {
		old := held.Ticket
		old.Run = run
		return held, &operational.StaleError{Ticket: old, Now: &held}
	}
	if now, known := w.Agent(a); known && run < now.Run {
		return held, fmt.Errorf("%w: run %d of %s is over, and so is its assignment", town.ErrRefused, run, a)
	}
	return held, fmt.Errorf("%w: %s has no assignment", ErrNothing, a)
}

// ErrNothing reports an agent that has nothing on its hook.
var ErrNothing = fmt.Errorf("%w: nothing is on the hook", town.ErrRefused)
