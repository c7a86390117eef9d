package ledger

import (
	"cmp"
	"slices"
)

// findCycle returns the beads of a cycle in order, or nil.
func findCycle(graph map[string][]string) []string {
	if all := allCycles(graph); len(all) > 0 {
		return all[0]
	}
	return nil
}

// allCycles returns one cycle of every group of beads that wait for each other,
// each beginning with its least id, in order. A group is a strongly connected
// component; the stack is explicit, because a chain may be long.
func allCycles(graph map[string][]string) [][]string {
	var cycles [][]string
	for _, group := range components(graph) {
		inside := map[string]bool{}
		for _, id := range group {
			inside[id] = true
		}
		if len(group) > 1 || slices.Contains(graph[group[0]], group[0]) {
			cycles = append(cycles, shortest(graph, slices.Min(group), inside))
		}
	}
	slices.SortFunc(cycles, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return cycles
}

// shortest is a shortest way from a bead back to itself within a group.
func shortest(graph map[string][]string, start string, inside map[string]bool) []string {
	before := map[string]string{}
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		for _, next := range graph[queue[0]] {
			if next == start {
				path := []string{queue[0]}
				for path[0] != start {
					path = slices.Insert(path, 0, before[path[0]])
				}
				return path
			}
			if _, seen := before[next]; !seen && inside[next] {
				before[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return []string{start}
}

// components are the strongly connected components (Tarjan's).
func components(graph map[string][]string) [][]string {
	type frame struct {
		id   string
		next int
	}
	index, low, on := map[string]int{}, map[string]int{}, map[string]bool{}
	var stack []string
	var found [][]string
	for root := range graph {
		if _, seen := index[root]; seen {
			continue
		}
		for frames := []frame{{id: root}}; len(frames) > 0; {
			f := &frames[len(frames)-1]
			if f.next == 0 {
				index[f.id], low[f.id], on[f.id] = len(index), len(index), true
				stack = append(stack, f.id)
			}
			if f.next < len(graph[f.id]) {
				to := graph[f.id][f.next]
				f.next++
				if _, seen := index[to]; !seen {
					frames = append(frames, frame{id: to})
				} else if on[to] {
					low[f.id] = min(low[f.id], index[to])
				}
				continue
			}
			done := f.id
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				up := frames[len(frames)-1].id
				low[up] = min(low[up], low[done])
			}
			if low[done] == index[done] {
				at := len(stack) - 1
				for stack[at] != done {
					at--
				}
				for _, id := range stack[at:] {
					on[id] = false
				}
				found = append(found, slices.Clone(stack[at:]))
				stack = stack[:at]
			}
		}
	}
	return found
}
