package queue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/machine"
	"gastown/town/polecat"
)

// Bounds limit how much is under way at once; 0 is no bound.
type Bounds struct {
	operational.Limits
	// Size is how many beads may wait.
	Size int
	Carry
}

// Snapshot is everything that Decide decides from.
type Snapshot struct {
	Work   operational.Work
	Bounds Bounds
	// Rigs are those of the Town; what waits for another one stays in the queue. nil
	// means that every rig is known.
	Rigs []string
	// Machine is what the machine has left.
	Machine machine.Readings
	// Spent are the budgets that are reached.
	Spent Spent
}

// Decision is what may be assigned now, and what keeps the rest.
type Decision struct {
	// Orders are in the order in which they should be made.
	Orders []operational.Order
	// Holds say which bound keeps the beads of each rig that waits longer, in the order
	// of the rigs.
	Holds []operational.Hold
}

// Plan is Decide without a look at the machine.
func Plan(w operational.Work, b Bounds, rigs []string) []operational.Order {
	return Decide(Snapshot{Work: w, Bounds: b, Rigs: rigs, Machine: machine.Unknown}).Orders
}

// Decide chooses the assignments that may be made now. Rigs take turns: the one with the
// fewest polecats at work is next, then the one whose bead waits longest. Within a rig
// the most urgent bead is first, then the one that waits longest. It reads nothing and
// changes nothing.
func Decide(s Snapshot) (d Decision) {
	w, b := s.Work, s.Bounds
	waiting := map[string][]operational.Waiting{}
	held := map[string]operational.Hold{}
	hold := func(rig, bound, why string) {
		held[rig] = operational.Hold{Rig: rig, Bound: bound, Why: why}
	}
	for _, q := range w.Queue {
		if s.Rigs != nil && !slices.Contains(s.Rigs, q.Rig) {
			hold(q.Rig, BoundUnknown, "the rig is not in config/rigs.yaml")
		} else if _, has := w.Holder(q.Bead); has {
			continue
		} else if bound, why := s.Spent.bound(q); bound != "" {
			hold(q.Rig, bound, why)
		} else {
			waiting[q.Rig] = append(waiting[q.Rig], q)
		}
	}
	for _, list := range waiting {
		slices.SortFunc(list, func(a, b operational.Waiting) int {
			return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Seq, b.Seq))
		})
	}
	n := countOf(w)
	carries, carried, why := room(s.Machine, b.Carry, n.starting, sessionsOf(w))
	busy := map[town.Address]bool{}
	for len(waiting) > 0 {
		bound, text := n.bound(b)
		if bound == "" && len(d.Orders) >= carries {
			bound, text = carried, why
		}
		if bound != "" {
			for rig := range waiting {
				hold(rig, bound, text)
			}
			break
		}
		rig := slices.MinFunc(slices.Sorted(maps.Keys(waiting)), func(a, b string) int {
			return cmp.Or(cmp.Compare(n.perRig[a], n.perRig[b]), cmp.Compare(oldest(waiting[a]), oldest(waiting[b])))
		})
		if !under(n.perRig[rig], b.PerRig) {
			hold(rig, BoundRig, fmt.Sprintf("%d polecats of the rig are at work", n.perRig[rig]))
			delete(waiting, rig)
			continue
		}
		next := waiting[rig][0]
		if waiting[rig] = waiting[rig][1:]; len(waiting[rig]) == 0 {
			delete(waiting, rig)
		}
		agent := polecat.Pick(rig, w.Agents, busy)
		busy[agent] = true
		d.Orders = append(d.Orders, operational.Order{Bead: next.Bead, Agent: agent, Seq: next.Seq, Limits: b.Limits})
		n.starting, n.working, n.perRig[rig] = n.starting+1, n.working+1, n.perRig[rig]+1
	}
	for _, rig := range slices.Sorted(maps.Keys(held)) {
		d.Holds = append(d.Holds, held[rig])
	}
	return d
}

// count is how many assignments there are: those whose session starts, and those that
// hold their polecat.
type count struct {
	starting, working int
	perRig            map[string]int // of working
}

func countOf(w operational.Work) count {
	n := count{perRig: map[string]int{}}
	for _, a := range w.Assignments {
		if a.State.Held() {
			n.working++
			n.perRig[a.Agent.Rig]++
		}
		if a.State == town.Assigned {
			n.starting++
		}
	}
	return n
}

// bound is the limit of the Town that is reached, and why; "" for none.
func (n count) bound(b Bounds) (name, why string) {
	switch {
	case !under(n.starting, b.Starting):
		return BoundStarting, fmt.Sprintf("%d sessions start", n.starting)
	case !under(n.working, b.Working):
		return BoundWorking, fmt.Sprintf("%d polecats are at work in the Town", n.working)
	}
	return "", ""
}

func under(n, bound int) bool { return bound <= 0 || n < bound }

func oldest(list []operational.Waiting) int64 {
	seq := list[0].Seq
	for _, w := range list {
		seq = min(seq, w.Seq)
	}
	return seq
}
