package ledger

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// maxMatches is how many candidates the error about an ambiguous id lists.
const maxMatches = 5

func mapValues(m map[string]string) iter.Seq[string] { return maps.Values(m) }

// Resolve turns ids as people write them into full ones, in order. As with
// commits of git, a unique beginning is enough, with the rig's prefix or
// without it: gt-a3 or a3 for gt-a3f8x. Children are found by the beginning of
// their parent only when a dot follows: a3.1. What is a prefix alone, gt or gt-, or
// ends with a dot is no beginning, because it names no bead. The BatchError it returns
// lists unknown and ambiguous ids.
func (s *Store) Resolve(ctx context.Context, refs []string) ([]string, error) {
	if len(refs) == 0 {
		return []string{}, nil
	}
	full, err := s.resolve(ctx, refs, refs)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(refs))
	for i, ref := range refs {
		ids[i] = full[ref]
	}
	return ids, nil
}

// resolve finds the full ids of some of refs, with one query over all ids.
func (s *Store) resolve(ctx context.Context, refs, some []string) (full map[string]string, err error) {
	var all []string
	err = s.read(ctx, func(q txn) error {
		all, err = q.ids(ctx, some)
		return err
	})
	if err != nil {
		return nil, err
	}
	full = map[string]string{}
	meant := newShortIDs(all)
	asked := make(map[string]bool, len(some))
	for _, ref := range some {
		asked[ref] = true
	}
	var bad batch
	var unknown []int
	for i, ref := range refs {
		if !asked[ref] {
			continue
		}
		switch found := meant.find(ref); {
		case len(found) == 1:
			full[ref] = found[0]
		case len(found) > 1:
			bad.add(i, 0, ref, fmt.Errorf("%w: %s", ErrAmbiguous, strings.Join(found[:min(len(found), maxMatches)], ", ")))
		default:
			unknown = append(unknown, i)
			bad.add(i, 0, ref, &UnknownError{ID: ref})
		}
	}
	if len(unknown) > 0 && !s.session.NoSuggestions {
		if err := s.suggest(ctx, bad.entries); err != nil {
			return nil, err
		}
	}
	return full, bad.err()
}

// fewRefs is up to how many references the database searches for, because it
// compares each id with each reference. For more, all ids are read.
const fewRefs = 16

// ids reads the ids that the references may mean.
func (q txn) ids(ctx context.Context, refs []string) (ids []string, err error) {
	w, query := &where{}, "SELECT id FROM issues"
	if len(refs) <= fewRefs {
		for _, ref := range refs {
			w.conds = append(w.conds, "id LIKE ? OR id LIKE ?")
			w.args = append(w.args, like(ref)+"%", "%-"+like(ref)+"%")
		}
		query += " WHERE " + strings.Join(w.conds, " OR ")
	}
	err = q.each(ctx, func(rows *doltdb.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, query, w.args...)
	return ids, err
}

const (
	// maxSuggested is for how many unknown ids of a batch the nearest ones are
	// looked up. maxCompared bounds the comparisons for all of them together,
	// because each is compared with the ids of all beads. The first one is
	// always looked up.
	maxSuggested = 20
	maxCompared  = 500_000
)

// suggest adds to UnknownErrors whether the bead was deleted, and the nearest
// ids to the first of them.
func (s *Store) suggest(ctx context.Context, entries []Entry) error {
	var ids []string
	deleted := map[string]bool{}
	err := s.read(ctx, func(q txn) error {
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var id string
			var gone int
			if err := rows.Scan(&id, intTo{&gone}); err != nil {
				return err
			}
			if gone == 0 {
				ids = append(ids, id)
			} else {
				deleted[id] = true
			}
			return nil
		}, "SELECT id, 0 FROM issues UNION ALL SELECT id, 1 FROM tombstones")
	})
	left := max(min(maxSuggested, maxCompared/max(len(ids), 1)), 1)
	for _, e := range entries {
		u, ok := e.Err.(*UnknownError)
		if !ok {
			continue
		}
		if u.Deleted = deleted[u.ID]; !u.Deleted && left > 0 {
			u.Nearest = town.Nearest(u.ID, ids, 3)
			left--
		}
	}
	return err
}
