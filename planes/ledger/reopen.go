package ledger

import (
	"context"
	"strings"

	"gastown/town"
)

// ReopenBecause opens closed beads, and adds the reason, unless it is empty, as a comment
// to each bead, in one commit. It also returns the ids of those that were not closed;
// their status stays.
func (s *Store) ReopenBecause(ctx context.Context, ids []string, reason string) (changed []town.Bead, unclosed []string, err error) {
	open := town.StatusOpen
	patches := make([]Patch, len(ids))
	for i, id := range ids {
		patches[i] = Patch{ID: id, Status: &open, ifClosed: true}
	}
	err = s.write(ctx, strings.TrimSpace("reopen "+strings.Join(ids[:min(len(ids), 1)], "")+" "+town.Clip(reason, 72)), func(q txn) error {
		changed, unclosed = changed[:0], unclosed[:0]
		e := newEditing(s.change())
		if err := e.load(ctx, q, patches); err != nil {
			return err
		}
		var bad batch
		said := map[string]bool{}
		for i, p := range patches {
			bad.add(i, 0, p.ID, e.apply(i, p))
			if e.found[p.ID] == nil || said[p.ID] {
				continue
			}
			said[p.ID] = true
			if e.was[p.ID].Status != town.StatusClosed {
				unclosed = append(unclosed, p.ID)
			}
			if reason == "" {
				continue
			}
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
		return nil, nil, s.withNearest(ctx, err)
	}
	return changed, unclosed, nil
}
