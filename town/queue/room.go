package queue

import (
	"fmt"

	"gastown/planes/operational"
	"gastown/town/machine"
)

// Carry says what a machine must have left for a session to start. 0 bounds nothing.
type Carry struct {
	// FreeMemory must stay free, and a session is expected to take SessionMemory, in
	// bytes. FreeDisk must stay free on the disk of the rigs.
	FreeMemory, SessionMemory, FreeDisk int64
	// MaxLoad is how many processes may run or wait for each core.
	MaxLoad int
	// Sessions is how many sessions of tmux there may be.
	Sessions int
}

// The bounds, by the setting that each follows.
const (
	BoundStarting = "sling.max_concurrent"
	BoundWorking  = "polecat.max_concurrent"
	BoundRig      = "polecat.max_per_rig"
	BoundSessions = "tmux.max_sessions"
	BoundMemory   = "machine.free_memory"
	BoundLoad     = "machine.max_load"
	BoundDisk     = "machine.free_disk"
	// BoundBeadSpent, BoundRigSpent and BoundTownSpent are budgets.
	BoundBeadSpent = "budget.bead"
	BoundRigSpent  = "budget.rig"
	BoundTownSpent = "budget.town"
	// BoundUnknown: the rig is none of the Town's.
	BoundUnknown = "config/rigs.yaml"
)

// unbounded is more than any Town has.
const unbounded = 1 << 30

// room says how many more sessions the machine carries, which bound is the least, and
// why. starting are sessions whose memory is not seen yet, sessions those that there are.
func room(m machine.Readings, c Carry, starting, sessions int) (n int, bound, why string) {
	n = unbounded
	least := func(left int, name, text string, args ...any) {
		if left = max(left, 0); left < n {
			n, bound, why = left, name, fmt.Sprintf(text, args...)
		}
	}
	if c.Sessions > 0 {
		least(c.Sessions-sessions, BoundSessions, "there are %d sessions of %d", sessions, c.Sessions)
	}
	if c.FreeDisk > 0 && m.Disk >= 0 && m.Disk < c.FreeDisk {
		least(0, BoundDisk, "the disk of the rigs has %s free; %s must stay", size(m.Disk), size(c.FreeDisk))
	}
	if c.MaxLoad > 0 && m.Load >= 0 && m.Cores > 0 && m.Load >= float64(c.MaxLoad*m.Cores) {
		least(0, BoundLoad, "the load is %.1f on %d core(s); %d for each is the most", m.Load, m.Cores, c.MaxLoad)
	}
	if c.FreeMemory > 0 && m.Memory >= 0 {
		left := unbounded
		if m.Memory < c.FreeMemory {
			left = 0
		} else if c.SessionMemory > 0 {
			left = int((m.Memory-c.FreeMemory)/c.SessionMemory) - starting
		}
		least(left, BoundMemory, "%s of memory is free for %d session(s) that start and others; %s must stay, and each takes about %s",
			size(m.Memory), starting, size(c.FreeMemory), size(c.SessionMemory))
	}
	return n, bound, why
}

// size is a number of bytes for people.
func size(n int64) string {
	const mega, giga = 1 << 20, 1 << 30
	if n >= 10*giga {
		return fmt.Sprintf("%d GB", n/giga)
	}
	return fmt.Sprintf("%d MB", n/mega)
}

// sessionsOf counts the sessions that rows speak of, and those that are about to start.
func sessionsOf(w operational.Work) (n int) {
	for _, a := range w.Agents {
		if a.Session != "" || a.Bead != "" {
			n++
		}
	}
	return n
}
