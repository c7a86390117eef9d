package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/town"
)

const (
	// maxCyclePath is how many ids of a cycle an error lists.
	maxCyclePath = 12
	// maxRounds bounds how often the links are searched for remaining cycles.
	// Only tangled links need more than a few rounds. The last round takes every new
	// link that is part of a cycle.
	maxRounds = 100
)

// closing is a new link that closes a cycle.
type closing struct {
	link town.Dependency
	// index is its position among the new links.
	index int
	path  []string
	// down says that a parent in the cycle waits for its child.
	down bool
}

func (c closing) err() error {
	why := ""
	if c.down {
		why = " (a parent closes after its children)"
	}
	return fmt.Errorf("%w: %s%s", ErrCycle, cyclePath(c.path), why)
}

// closings returns the new links that close cycles of moments, see waitGraph, together
// with other new links and with old ones that are not about to be removed. Of every
// cycle it returns the new link that comes last. Without the returned links, no new
// link is part of a cycle.
func closings(fresh, old []town.Dependency, gone map[string]bool) (found []closing) {
	old = slices.DeleteFunc(slices.Clone(old), func(d town.Dependency) bool { return gone[linkKey(d)] })
	links := slices.Concat(fresh, old)
	left := make([]int, len(links)) // of links, those that are looked at
	for i := range links {
		left[i] = i
	}
	for round := range maxRounds {
		some := make([]town.Dependency, len(left))
		for n, i := range left {
			some[n] = links[i]
		}
		graph := waitGraph(some)
		group := map[moment]int{}
		for n, moments := range components(graph) {
			for _, m := range moments {
				group[m] = n
			}
		}
		// on returns the parts of a link that are on cycles.
		on := func(i int) (pairs [][2]moment) {
			for _, p := range needs(links[i]) {
				if group[p[0]] == group[p[1]] {
					pairs = append(pairs, p)
				}
			}
			return pairs
		}
		last := map[int]int{} // the last new link on the cycles of a group
		for _, i := range left {
			for _, p := range on(i) {
				if i < len(fresh) {
					last[group[p[0]]] = i
				}
			}
		}
		if len(last) == 0 {
			break
		}
		closes := map[int]bool{}
		for _, i := range last {
			closes[i] = true
		}
		for _, i := range left {
			pairs := on(i)
			if len(pairs) == 0 || i >= len(fresh) || !closes[i] && round < maxRounds-1 {
				continue
			}
			c := closing{link: links[i], index: i}
			c.path, c.down = beadsOf(shortest(graph, pairs[0][0], pairs[0][1]))
			found = append(found, c)
		}
		left = slices.DeleteFunc(left, func(i int) bool {
			return closes[i] || !slices.ContainsFunc(on(i), func(p [2]moment) bool {
				_, tangled := last[group[p[0]]]
				return tangled
			})
		})
	}
	slices.SortFunc(found, func(a, b closing) int { return a.index - b.index })
	return found
}

// cycles returns the cycles that new links would close, ignoring old links that
// are about to be removed. It changes nothing.
func (q txn) cycles(ctx context.Context, fresh []town.Dependency, gone map[string]bool) ([]closing, error) {
	if !anyBlocking(fresh) {
		return nil, nil
	}
	old, err := q.reach(ctx, fresh)
	return closings(fresh, old, gone), err
}

// link refuses new links that would close cycles. blame tells to which entry of
// a batch a new link belongs.
func (q txn) link(ctx context.Context, fresh []town.Dependency, blame func(closing) (index, line int)) error {
	if !anyBlocking(fresh) {
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

// cyclePath writes a cycle for people; of a long one it writes the beginning.
func cyclePath(cycle []string) string {
	path := strings.Join(cycle[:min(len(cycle), maxCyclePath)], " -> ")
	if len(cycle) > maxCyclePath {
		return path + fmt.Sprintf(" (and %d more)", len(cycle)-maxCyclePath)
	}
	return path + " -> " + cycle[0]
}
