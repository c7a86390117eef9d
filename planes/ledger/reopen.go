package ledger

import (
	"context"

	"gastown/town"
)

// ReopenBecause is Reopen that also adds the reason as a comment to every bead
// that was closed, in the same commit.
func (s *Store) ReopenBecause(ctx context.Context, ids []string, reason string) (changed []town.Bead, err error) {
	open := town.StatusOpen
	patches := make([]Patch, len(ids))
	for i, id := range ids {
		patches[i] = Patch{ID: id, Status: &open, ifClosed: true}
	}
	err = s.write(ctx, "reopen "+town.Clip(reason, 72), func(q txn) error {
		changed = changed[:0]
		e := newEditing(s.change())
		if err := e.load(ctx, q, patches); err != nil {
			return err
		}
		var bad batch
		said := map[string]bool{}
		for i, p := range patches {
			bad.add(i, 0, p.ID, e.apply(i, p))
			if was := e.was[p.ID]; was.Status != town.StatusClosed || said[p.ID] {
				continue
			}
			said[p.ID] = true
			c := town.Comment{Text: reason}
			e.completeComment(&c, p.ID)
			bad.add(i, 0, p.ID, c.Validate())
			e.notes = append(e.notes, c)
			e.event(p.ID, "commented", "", "", reason)
		}
		if err := bad.err(); err != nil {
			return err
		}
		for _, id := range ids {
			changed = append(changed, e.found[id].Bead)
		}
		return e.store(ctx, q)
	})
	if err != nil {
		return nil, s.withNearest(ctx, err)
	}
	return changed, nil
}
