package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/town"
)

const (
	// maxCyclePath is how many ids of a cycle an error names.
	maxCyclePath = 12
	// maxRounds bounds how often links are searched for what is left of cycles:
	// only links that are tangled need more than a few rounds.
	maxRounds = 100
)

// closing is a new link without which there would be a cycle less.
type closing struct {
	link town.Dependency
	// index is its place among the new links.
	index int
	path  []string
}

func (c closing) err() error { return cycleError(c.path) }

// closings are the new links that close cycles of some kinds of link, together
// with the others and the old ones that are not about to be removed: of every
// cycle the one that stands last. Without them no new link is on a cycle.
func closings(fresh, old []town.Dependency, gone map[string]bool, kinds ...town.DepType) (found []closing) {
	old = slices.DeleteFunc(slices.Clone(old), func(d town.Dependency) bool { return gone[linkKey(d)] })
	links := slices.Concat(fresh, old)
	var left []int // of links, those that are looked at
	for i, d := range links {
		if slices.Contains(kinds, d.Type) {
			left = append(left, i)
		}
	}
	for range maxRounds {
		graph := map[string][]string{}
		for _, i := range left {
			graph[links[i].Bead] = append(graph[links[i].Bead], links[i].Target)
		}
		group := map[string]int{}
		for n, ids := range components(graph) {
			for _, id := range ids {
				group[id] = n
			}
		}
		last := map[int]int{} // the last new link on the cycles of a group
		for _, i := range left {
			if g := group[links[i].Bead]; i < len(fresh) && g == group[links[i].Target] {
				last[g] = i
			}
		}
		if len(last) == 0 {
			break
		}
		for _, i := range last {
			found = append(found, closing{link: links[i], index: i, path: shortest(graph, links[i].Bead, links[i].Target)})
		}
		left = slices.DeleteFunc(left, func(i int) bool {
			g := group[links[i].Bead]
			closes, tangled := last[g]
			return !tangled || i == closes || g != group[links[i].Target]
		})
	}
	slices.SortFunc(found, func(a, b closing) int { return a.index - b.index })
	return found
}

// cycles are the cycles that new links would close, ignoring old ones that are
// about to be removed. It changes nothing.
func (q txn) cycles(ctx context.Context, fresh []town.Dependency, gone map[string]bool) ([]closing, error) {
	if !holds(fresh) {
		return nil, nil
	}
	old, err := q.reach(ctx, fresh)
	return closings(fresh, old, gone, holding...), err
}

// link refuses new links that would close cycles, as cycles finds them; blame
// says to which entry of a batch a new link belongs.
func (q txn) link(ctx context.Context, fresh []town.Dependency, blame func(closing) (index, line int)) error {
	if !holds(fresh) {
		return nil
	}
	if err := q.markLinks(ctx); err != nil {
		return err
	}
	found, err := q.cycles(ctx, fresh, nil)
	if err != nil {
		return err
	}
	var bad batch
	for _, c := range found {
		index, line := blame(c)
		bad.add(index, line, c.link.Bead, c.err())
	}
	return bad.err()
}

func cycleError(cycle []string) error {
	path := strings.Join(cycle[:min(len(cycle), maxCyclePath)], " -> ")
	if len(cycle) > maxCyclePath {
		path += fmt.Sprintf(" (and %d more)", len(cycle)-maxCyclePath)
	} else {
		path += " -> " + cycle[0]
	}
	return fmt.Errorf("%w: %s", ErrCycle, path)
}
