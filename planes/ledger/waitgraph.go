package ledger

import (
	"cmp"
	"slices"

	"gastown/town"
)

// A bead has three moments, in this order: it can be started, its children are closed,
// it is closed. The links that hold work up order the moments of different beads. As
// long as that has no cycle, all beads can be started and closed one after the other,
// each without force.
type moment struct {
	bead  string
	stage stage
}

type stage int8

const (
	mayStart stage = iota
	childrenClosed
	isClosed
)

// needs are the pairs of moments that a link orders: the first comes after the second.
// A bead starts after what blocks it is closed, and a child is not ready while its
// parent waits. A parent closes after its children. A link of the type waits-for is
// treated as if it always waited for all children, whichever there are later.
func needs(d town.Dependency) [][2]moment {
	start := moment{d.Bead, mayStart}
	switch d.Type {
	case town.DepBlocks, town.DepConditional:
		return [][2]moment{{start, {d.Target, isClosed}}}
	case town.DepWaitsFor:
		return [][2]moment{{start, {d.Target, childrenClosed}}}
	case town.DepParent:
		return [][2]moment{{start, {d.Target, mayStart}}, {{d.Target, childrenClosed}, {d.Bead, isClosed}}}
	}
	return nil
}

// waitGraph leads from each moment to those before it.
func waitGraph(links []town.Dependency) map[moment][]moment {
	graph := map[moment][]moment{}
	order := func(id string) {
		end := moment{id, isClosed}
		if graph[end] == nil {
			graph[end] = []moment{{id, childrenClosed}}
			middle := moment{id, childrenClosed}
			graph[middle] = append(graph[middle], moment{id, mayStart})
		}
	}
	for _, d := range links {
		for _, pair := range needs(d) {
			graph[pair[0]] = append(graph[pair[0]], pair[1])
			order(pair[0].bead)
			order(pair[1].bead)
		}
	}
	return graph
}

// beadsOf are the beads of a cycle of moments, and whether one of them waits for its
// child.
func beadsOf(cycle []moment) (ids []string, down bool) {
	for i, m := range cycle {
		next := cycle[(i+1)%len(cycle)]
		if next.bead != m.bead {
			ids = append(ids, m.bead)
			down = down || m.stage == childrenClosed
		}
	}
	if len(ids) == 0 { // it waits for itself
		ids = []string{cycle[0].bead}
	}
	return ids, down
}

// allCycles returns one cycle of beads for every group that cannot be closed one after
// the other. Each begins with its smallest id, and they are sorted.
func allCycles(links []town.Dependency) [][]string {
	var cycles [][]string
	seen := map[string]bool{}
	graph := waitGraph(links)
	for _, group := range components(graph) {
		start := slices.MinFunc(group, func(a, b moment) int { return cmp.Or(cmp.Compare(a.bead, b.bead), cmp.Compare(a.stage, b.stage)) })
		for _, next := range graph[start] {
			cycle := shortest(graph, start, next)
			if cycle == nil {
				continue
			}
			ids, _ := beadsOf(cycle)
			first := slices.Index(ids, slices.Min(ids))
			ids = slices.Concat(ids[first:], ids[:first])
			// A circle of parents is one of starts and one of ends.
			if !seen[ids[0]] {
				seen[ids[0]] = true
				cycles = append(cycles, ids)
			}
			break
		}
	}
	slices.SortFunc(cycles, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return cycles
}
