package ledger

import (
	"context"
	"fmt"
	"slices"

	"gastown/town"
)

// shortGet is Get that also caches which full ids the short ids meant.
func (s *Store) shortGet(ctx context.Context, ids []string, fields Fields) ([]Detail, error) {
	state, settled, err := s.state(ctx)
	if err != nil {
		return nil, err
	}
	known := slices.Clone(ids)
	for i, id := range ids {
		if full, ok := s.caches.shorts.Get(state, id); ok {
			known[i] = full
		}
	}
	details, full, err := s.getFull(ctx, known, fields)
	if err == nil && settled {
		for short, id := range full {
			s.caches.shorts.Put(state, short, id)
		}
	}
	return details, err
}

// cachedGet answers full ids from the first level, and reads the missing ones
// in one query. Whole beads go to the first level; parts of beads, which may be
// far smaller, go to the second.
func (s *Store) cachedGet(ctx context.Context, ids []string, fields Fields) (map[string]*Detail, error) {
	state, settled, err := s.state(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*Detail, len(ids))
	var missing []string
	for _, id := range ids {
		if _, done := found[id]; done || slices.Contains(missing, id) {
			continue
		}
		if d, ok := s.caches.beads.Get(state, id); ok {
			copied := d.clone()
			found[id] = &copied
		} else {
			missing = append(missing, id)
		}
	}
	for _, d := range found {
		d.only(fields)
	}
	switch {
	case len(missing) == 0:
	case fields == nil:
		fresh, err := s.getRows(ctx, missing, nil)
		if err != nil {
			return nil, err
		}
		for id, d := range fresh {
			if settled {
				s.caches.beads.Put(state, id, d.clone())
			}
			found[id] = d
		}
	default:
		parts, err := s.cachedParts(ctx, missing, fields)
		if err != nil {
			return nil, err
		}
		for i := range parts {
			found[parts[i].ID] = &parts[i]
		}
	}
	return found, nil
}

// cachedParts reads some fields of beads through the second level. Beads that
// do not exist are left out.
func (s *Store) cachedParts(ctx context.Context, ids []string, fields Fields) ([]Detail, error) {
	return cached(ctx, s, fmt.Sprintf("get %q", fields), anys(ids), clones, func(ctx context.Context) ([]Detail, error) {
		rows, err := s.getRows(ctx, ids, fields)
		parts := make([]Detail, 0, len(rows))
		for _, d := range rows {
			parts = append(parts, *d)
		}
		return parts, err
	})
}

// only clears the fields that the caller did not ask for.
func (d *Detail) only(fields Fields) {
	if fields == nil {
		return
	}
	for _, b := range append(linkedBeads(d), &d.Bead) {
		whole := *b
		*b = town.Bead{ID: whole.ID}
		for _, c := range fields.columns() {
			// A column can scan the value it stores, except for times, which
			// the database returns in another form.
			_ = c.into(b).Scan(c.get(&whole))
		}
		if b == &d.Bead {
			b.Comments, b.Labels = whole.Comments, whole.Labels
		}
	}
	if !fields.has("labels") {
		d.Labels = nil
	}
	counts := []*int{&d.DependencyCount, &d.DependentCount, &d.CommentCount}
	for i, names := range [][]string{
		{"dependency_count", "dependencies", "parent"}, {"dependent_count", "dependents"}, {"comment_count", "comments"},
	} {
		if !fields.hasAny(names...) {
			*counts[i] = 0
		}
	}
	if !fields.has("parent") {
		d.Parent = ""
	}
	d.drop(fields)
}

func linkedBeads(d *Detail) (all []*town.Bead) {
	for _, list := range [][]Linked{d.Dependencies, d.Dependents} {
		for i := range list {
			all = append(all, &list[i].Bead)
		}
	}
	return all
}
