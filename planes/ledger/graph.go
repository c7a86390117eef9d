package ledger

import (
	"cmp"
	"context"
	"slices"

	"gastown/planes/doltdb"
)

// allCycles returns one cycle for every group of beads that wait for each
// other. Each begins with its smallest id, and they are sorted.
func allCycles(graph map[string][]string) [][]string {
	var cycles [][]string
	for _, group := range components(graph) {
		start := slices.Min(group)
		if len(group) == 1 && !slices.Contains(graph[start], start) {
			continue
		}
		for _, next := range graph[start] {
			if cycle := shortest(graph, start, next); cycle != nil {
				cycles = append(cycles, cycle)
				break
			}
		}
	}
	slices.SortFunc(cycles, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return cycles
}

// shortest is a shortest cycle that begins with the link from start to next;
// nil when no path leads back.
func shortest(graph map[string][]string, start, next string) []string {
	before := map[string]string{next: start}
	for queue := []string{next}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == start {
			var path []string
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

// DepCycles finds the cycles among the links that make beads wait. Only an
// import or another program can have made them. Each begins with its smallest
// id.
func (s *Store) DepCycles(ctx context.Context) (cycles [][]string, err error) {
	graph := map[string][]string{}
	err = s.read(ctx, func(q txn) error {
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var from, to string
			err := rows.Scan(&from, &to)
			graph[from] = append(graph[from], to)
			return err
		}, "SELECT issue_id, depends_on_id FROM dependencies WHERE type IN ("+marks(len(blocking))+")", anys(words(blocking))...)
	})
	return allCycles(graph), err
}
