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
	// Only tangled links need more than a few rounds.
	maxRounds = 100
)

// closing is a new link that closes a cycle.
type closing struct {
	link town.Dependency
	// index is its position among the new links.
	index int
	path  []string
}

func (c closing) err() error { return cycleError(c.path) }

// closings returns the new links that close cycles of links of the given kinds,
// together with other new links and with old ones that are not about to be
// removed. Of every cycle it returns the new link that comes last. Without the
// returned links, no new link is part of a cycle.
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

// cycles returns the cycles that new links would close, ignoring old links that
// are about to be removed. It changes nothing.
func (q txn) cycles(ctx context.Context, fresh []town.Dependency, gone map[string]bool) ([]closing, error) {
	if !anyBlocking(fresh) {
		return nil, nil
	}
	old, err := q.reach(ctx, fresh)
	return closings(fresh, old, gone, blocking...), err
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

func cycleError(cycle []string) error { return fmt.Errorf("%w: %s", ErrCycle, cyclePath(cycle)) }

// cyclePath writes a cycle for people; of a long one it writes the beginning.
func cyclePath(cycle []string) string {
	path := strings.Join(cycle[:min(len(cycle), maxCyclePath)], " -> ")
	if len(cycle) > maxCyclePath {
		return path + fmt.Sprintf(" (and %d more)", len(cycle)-maxCyclePath)
	}
	return path + " -> " + cycle[0]
}
