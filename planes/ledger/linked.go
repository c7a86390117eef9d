package ledger

import (
	"context"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Links returns every link of the ledger, in one query.
func (s *Store) Links(ctx context.Context) (links []town.Dependency, err error) {
	err = s.read(ctx, func(q txn) error {
		links = nil
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var d town.Dependency
			err := rows.Scan(&d.Bead, &d.Target, textTo{(*string)(&d.Type)}, timeTo{&d.CreatedAt}, textTo{&d.CreatedBy})
			links = append(links, d)
			return err
		}, "SELECT issue_id, depends_on_id, type, created_at, created_by FROM dependencies ORDER BY issue_id, depends_on_id, type")
	})
	return links, err
}

// Connected returns the ids that links connect with an id, in any number of steps
// and either direction, with the id itself first.
func Connected(links []town.Dependency, id string) []string { return Groups(links, []string{id})[0] }

// Between returns the links that have both ends among the ids.
func Between(links []town.Dependency, ids []string) []town.Dependency {
	known := map[string]bool{}
	for _, id := range ids {
		known[id] = true
	}
	return slices.DeleteFunc(slices.Clone(links), func(l town.Dependency) bool { return !known[l.Bead] || !known[l.Target] })
}

// Existing is Get for full ids that leaves out those of no bead.
func (s *Store) Existing(ctx context.Context, ids []string, fields Fields) ([]Detail, error) {
	found, err := s.get(ctx, ids, fields)
	if err != nil {
		return nil, err
	}
	var all []Detail
	for _, id := range ids {
		if d := found[id]; d != nil {
			all = append(all, *d)
		}
	}
	return all, nil
}

// Groups divides ids into those that links connect, in the order of the ids.
func Groups(links []town.Dependency, ids []string) (groups [][]string) {
	beside := map[string][]string{}
	for _, l := range links {
		beside[l.Bead] = append(beside[l.Bead], l.Target)
		beside[l.Target] = append(beside[l.Target], l.Bead)
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !seen[id] {
			groups = append(groups, reach(beside, id, seen))
		}
	}
	return groups
}

// reach returns what can be reached from an id, which comes first, and notes it.
func reach(beside map[string][]string, id string, seen map[string]bool) []string {
	all := []string{id}
	seen[id] = true
	for at := 0; at < len(all); at++ {
		for _, next := range beside[all[at]] {
			if !seen[next] {
				seen[next] = true
				all = append(all, next)
			}
		}
	}
	return all
}
