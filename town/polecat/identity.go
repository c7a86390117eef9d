package polecat

import (
	"fmt"
	"strconv"

	"gastown/planes/operational"
	"gastown/town"
)

// The variables by which a process in a session knows whose it is.
const (
	RoleVariable    = "GT_ROLE"
	RigVariable     = "GT_RIG"
	PolecatVariable = "GT_POLECAT"
	RunVariable     = "GT_RUN"
)

// Identity are those variables for a ticket.
func Identity(t town.Ticket) []string {
	return []string{
		RoleVariable + "=" + t.Agent.String(), RigVariable + "=" + t.Agent.Rig, PolecatVariable + "=" + t.Agent.Name,
		RunVariable + "=" + strconv.FormatInt(int64(t.Run), 10),
	}
}

// Self reads them: who calls, and in which run. Without them it is town.ErrUsage.
func Self(getenv func(string) string) (town.Address, town.Run, error) {
	const next = "a polecat calls this in its session; gt polecat list shows them"
	role := getenv(RoleVariable)
	if role == "" {
		return town.Address{}, 0, town.Fail("find out which agent calls", next, "%w: %s is not set", town.ErrUsage, RoleVariable)
	}
	a, err := town.ParseAddress(role)
	if err != nil {
		return a, 0, town.Fail("find out which agent calls", next, "%s: %w", RoleVariable, err)
	}
	if name := getenv(PolecatVariable); a.Kind == town.Polecat && name != "" && name != a.Name {
		return a, 0, town.Fail("find out which agent calls", next, "%w: %s is %s and %s is %q", town.ErrUsage, RoleVariable, role, PolecatVariable, town.Clip(name, 80))
	}
	run, err := strconv.ParseInt(getenv(RunVariable), 10, 64)
	if err != nil || run < 1 {
		return a, 0, town.Fail("find out which run of "+role+" calls", next, "%w: %s is %q", town.ErrUsage, RunVariable, town.Clip(getenv(RunVariable), 40))
	}
	return a, town.Run(run), nil
}

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
