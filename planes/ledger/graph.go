package ledger

import (
	"context"
	"slices"

	"gastown/town"
)

// shortest is a shortest cycle that begins with the link from start to next;
// nil when no path leads back.
func shortest[N comparable](graph map[N][]N, start, next N) []N {
	before := map[N]N{next: start}
	for queue := []N{next}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == start {
			var path []N
			for at := before[start]; at != start; at = before[at] {
				path = append(path, at)
			}
			path = append(path, start)
			slices.Reverse(path)
			return path
		}
		for _, to := range graph[queue[0]] {
			if _, seen := before[to]; !seen {
				before[to] = queue[0]
				queue = append(queue, to)
			}
		}
	}
	return nil
}

// components returns the strongly connected components, by Tarjan's algorithm.
// Its stack is explicit, because a chain of links may be long.
func components[N comparable](graph map[N][]N) [][]N {
	type frame struct {
		id   N
		next int
	}
	index, low, on := map[N]int{}, map[N]int{}, map[N]bool{}
	var stack []N
	var found [][]N
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

// DepCycles finds the cycles among the links that make beads wait: beads that cannot be
// started and closed one after the other. Only another program or a former version of
// this one can have made them. Each begins with its smallest id.
func (s *Store) DepCycles(ctx context.Context) ([][]string, error) {
	var list []town.Dependency
	err := s.read(ctx, func(q txn) (err error) {
		list, err = q.blockingLinks(ctx)
		return err
	})
	return allCycles(list), err
}
