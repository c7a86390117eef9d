package ledger

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Needs returns, of the beads with these ids, the open ones that wait for others, each
// with what it waits for itself: none when it waits with its parent. It says of them what
// Blocked says, and looks at nothing but them, their parents and their links. An id of
// which there is no bead is left out.
func (s *Store) Needs(ctx context.Context, ids []string) (map[string][]string, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	ids = slices.DeleteFunc(ids, func(id string) bool { return len(id) > town.MaxBeadID })
	all := map[string][]string{}
	for part := range slices.Chunk(ids, needsChunk) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = id
		}
		some, err := s.needsCached(ctx, args)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, some)
	}
	return all, nil
}

// needsChunk is how many ids one query has.
const needsChunk = 1000

func (s *Store) needsCached(ctx context.Context, args []any) (map[string][]string, error) {
	read := func(ctx context.Context) (map[string][]string, error) { return s.needs(ctx, args) }
	if s.caches == nil {
		return read(ctx)
	}
	return cached(ctx, s, "needs", args, func(m map[string][]string) map[string][]string {
		m = maps.Clone(m)
		for id, by := range m {
			m[id] = slices.Clone(by)
		}
		return m
	}, read)
}

// byLookup makes the engine look up the links of each bead. By itself it reads all links
// for each bead, or looks for ranges of them in a time that grows with the square of the
// number of beads. A condition on the bead's status would bring it back to that.
const byLookup = "/*+ JOIN_ORDER(i,d,b) LOOKUP_JOIN(i,d) LOOKUP_JOIN(d,b) */"

// needs is Needs for at most needsChunk ids.
func (s *Store) needs(ctx context.Context, args []any) (map[string][]string, error) {
	by, parents, err := s.blockersAndParents(ctx, args)
	if err != nil {
		return nil, err
	}
	looked := map[string]bool{}
	var waiting func(id string) bool
	waiting = func(id string) bool {
		if len(by[id]) > 0 {
			return true
		}
		if looked[id] {
			return false // a circle of parents
		}
		looked[id] = true
		return slices.ContainsFunc(parents[id], waiting)
	}
	all := map[string][]string{}
	for _, arg := range args {
		clear(looked)
		if id := arg.(string); waiting(id) {
			all[id] = append([]string{}, by[id]...)
		}
	}
	return all, nil
}

// blockersAndParents reads what the beads wait for themselves and their open parents,
// and step by step the same of those parents. That is several times as fast as a
// recursive query. Closed beads among args have neither.
func (s *Store) blockersAndParents(ctx context.Context, args []any) (by, parents map[string][]string, err error) {
	err = s.read(ctx, func(q txn) error {
		by, parents = map[string][]string{}, map[string][]string{}
		seen := map[string]bool{}
		for _, id := range args {
			seen[id.(string)] = true
		}
		first := true
		for next := args; len(next) > 0; first = false {
			var above []any
			err := q.each(ctx, func(rows *doltdb.Rows) error {
				var id, target string
				var parent, closed bool
				if err := rows.Scan(&id, &target, &parent, &closed); err != nil || first && closed {
					return err
				}
				if !parent {
					by[id] = append(by[id], target)
					return nil
				}
				parents[id] = append(parents[id], target)
				if !seen[target] {
					seen[target], above = true, append(above, target)
				}
				return nil
			}, "SELECT "+byLookup+" d.issue_id, d.depends_on_id, d.type = 'parent-child', i.status = 'closed'"+
				" FROM issues i JOIN dependencies d ON d.issue_id = i.id JOIN issues b ON b.id = d.depends_on_id WHERE i.id IN (?"+strings.Repeat(", ?", len(next)-1)+")"+
				" AND "+within+"("+waits+" OR d.type = 'parent-child' AND b.status NOT IN "+done+") ORDER BY d.issue_id, d.depends_on_id", next...)
			if err != nil {
				return err
			}
			next = above
		}
		return nil
	})
	return by, parents, err
}
