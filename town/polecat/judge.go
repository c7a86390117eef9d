package polecat

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/launch"
)

// Patience is how long a polecat may do what. The defaults stand for 0.
type Patience struct {
	// Start is how long a session may take from its assignment until its agent is ready
	// and was handed its work.
	Start time.Duration
	// Silent is how long there may be no sign of life: see Life.
	Silent time.Duration
}

const (
	defaultStart  = 3 * time.Minute
	defaultSilent = 15 * time.Minute
)

func (p Patience) start() time.Duration  { return cmp.Or(p.Start, defaultStart) }
func (p Patience) silent() time.Duration { return cmp.Or(p.Silent, defaultSilent) }

// Facts are what is known of one polecat at one moment.
type Facts struct {
	Now      time.Time
	Patience Patience
	Agent    operational.Agent
	// Assignment holds the agent; nil for none.
	Assignment *operational.Assignment
	// Session is what tmux has for it; nil for none.
	Session *Session
	// Look is what its session shows; nil when nobody looked.
	Look *Look
	// Moved is when a patrol last saw that its sandbox changed.
	Moved time.Time
}

// Life are the signs of life of a polecat that works: when it got its work, and when its
// session last printed something, its last heartbeat came, its sandbox changed, and a person
// typed. Whoever judges a polecat counts them all.
type Life struct{ Work, Output, Beat, Moved, Typed time.Time }

// Latest is the last of them.
func (l Life) Latest() (at time.Time, sign string) {
	at, sign = l.Work, "it got its work"
	for _, s := range []struct {
		at   time.Time
		sign string
	}{{l.Output, "output"}, {l.Beat, "heartbeat"}, {l.Moved, "its sandbox changed"}, {l.Typed, "a person typed"}} {
		if s.at.After(at) {
			at, sign = s.at, s.sign
		}
	}
	return at, sign
}

// Judge says in which state a polecat is, and why. It decides by several signs
// together: a polecat is a zombie only when its session or its program is gone, and
// stalled only when there is no sign of life.
func Judge(f Facts) (town.AgentState, string) {
	a := f.Assignment
	switch {
	case a == nil && f.Session == nil:
		return town.AgentIdle, "it has no assignment"
	case a == nil:
		return town.AgentZombie, fmt.Sprintf("its session %s has no assignment any more", f.Session.Name)
	case f.Session != nil && f.Session.Run != a.Run:
		return starting(f, fmt.Sprintf("its session is of run %d and that of run %d starts", f.Session.Run, a.Run))
	case f.Agent.Session == "" && a.State == town.Assigned: // until a session is recorded, none was lost
		return starting(f, or(a.Trouble, "its session starts"))
	case f.Session == nil:
		return town.AgentZombie, "its session is gone"
	case f.Session.Ended || f.Look != nil && f.Look.Ended:
		return town.AgentZombie, Ended(*f.Session)
	case f.Look != nil && f.Look.Waiting != "":
		return town.AgentWaiting, "a person must act: " + f.Look.Waiting
	case a.State == town.Assigned:
		return starting(f, or(a.Trouble, "its agent is not ready yet"))
	}
	last, sign := Life{a.Changed, f.Session.Output, f.Agent.Beat, f.Moved, f.Session.LastTyped()}.Latest()
	if silent := f.Now.Sub(last); silent > f.Patience.silent() {
		return town.AgentStalled, fmt.Sprintf("no output, no heartbeat and no change in its sandbox for %s", silent.Round(time.Minute))
	}
	return town.AgentWorking, sign + " at " + last.UTC().Format(time.TimeOnly)
}

// Ended says how a session's program ended.
func Ended(s Session) string {
	program := strings.TrimSpace("its program " + s.Program)
	switch s.Status {
	case launch.ExitNotFound:
		return program + " was not found (status 127)"
	case launch.ExitNotRunnable, launch.ExitSurroundings:
		return fmt.Sprintf("%s could not be started (status %d)", program, s.Status)
	}
	return fmt.Sprintf("%s has ended with status %d", program, s.Status)
}

// or is the trouble that an assignment has, or what is so without any.
func or(t *operational.StartTrouble, without string) string {
	if t == nil {
		return without
	}
	return t.Reason
}

// starting judges a polecat that has not begun its work.
func starting(f Facts, why string) (town.AgentState, string) {
	if most := f.Patience.start(); f.Now.Sub(f.Assignment.Changed) > most {
		return town.AgentStalled, why + ", for more than " + most.String()
	}
	return town.AgentWorking, why
}
