package queue

import (
	"cmp"
	"maps"
	"slices"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/polecat"
)

// Bounds limit how much is under way at once; 0 is no bound.
type Bounds struct {
	operational.Limits
	// Size is how many beads may wait.
	Size int
}

// Plan chooses the assignments that may be made now, in the order in which they
// should be. Rigs take turns: the one with the fewest polecats at work is next, then
// the one whose bead waits longest. Within a rig the most urgent bead is first, then
// the one that waits longest. rigs are those of the Town; what waits for another one
// stays in the queue. nil means that every rig is known.
func Plan(w operational.Work, b Bounds, rigs []string) []operational.Order {
	waiting := map[string][]operational.Waiting{}
	for _, q := range w.Queue {
		if _, held := w.Holder(q.Bead); !held && (rigs == nil || slices.Contains(rigs, q.Rig)) {
			waiting[q.Rig] = append(waiting[q.Rig], q)
		}
	}
	for _, list := range waiting {
		slices.SortFunc(list, func(a, b operational.Waiting) int {
			return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Seq, b.Seq))
		})
	}
	starting, working, perRig := 0, 0, map[string]int{}
	for _, a := range w.Assignments {
		if a.State.Held() {
			working++
			perRig[a.Agent.Rig]++
		}
		if a.State == town.Assigned {
			starting++
		}
	}
	var orders []operational.Order
	busy := map[town.Address]bool{}
	for len(waiting) > 0 && under(starting, b.Starting) && under(working, b.Working) {
		rig := slices.MinFunc(slices.Sorted(maps.Keys(waiting)), func(a, b string) int {
			return cmp.Or(cmp.Compare(perRig[a], perRig[b]), cmp.Compare(oldest(waiting[a]), oldest(waiting[b])))
		})
		if !under(perRig[rig], b.PerRig) {
			delete(waiting, rig)
			continue
		}
		next := waiting[rig][0]
		if waiting[rig] = waiting[rig][1:]; len(waiting[rig]) == 0 {
			delete(waiting, rig)
		}
		agent := polecat.Pick(rig, w.Agents, busy)
		busy[agent] = true
		orders = append(orders, operational.Order{Bead: next.Bead, Agent: agent, Seq: next.Seq, Limits: b.Limits})
		starting, working, perRig[rig] = starting+1, working+1, perRig[rig]+1
	}
	return orders
}

func under(n, bound int) bool { return bound <= 0 || n < bound }

func oldest(list []operational.Waiting) int64 {
	seq := list[0].Seq
	for _, w := range list {
		seq = min(seq, w.Seq)
	}
	return seq
}
