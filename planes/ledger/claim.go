package ledger

import (
	"context"

	"gastown/town"
)

// ClaimReady gives the Store's actor the first ready bead that the filter selects and
// that nobody else has, in one commit: the bead is assigned to the actor and in
// progress. Two callers never get the same bead. ok is false when there is none.
func (s *Store) ClaimReady(ctx context.Context, f Filter) (claimed town.Bead, ok bool, err error) {
	if len(f.Assignees) == 0 {
		f.Assignees = []string{"", s.who()}
	}
	f.Limit, f.Offset, f.Fields = 1, 0, Fields{"id"}
	r, err := s.readyQuery(f)
	if err != nil {
		return claimed, false, err
	}
	err = s.write(ctx, "claim ready work", func(q txn) error {
		ok = false
		var items []Item
		query, args, targets := s.readyRows(r)
		if err := q.items(ctx, query, args, targets, Collect(&items)); err != nil || len(items) == 0 {
			return err
		}
		patches := []Patch{{ID: items[0].ID, Claim: true}}
		e := newEditing(s.change())
		if err := e.load(ctx, q, patches); err != nil {
			return err
		}
		if err := e.applyAll(ctx, q, patches); err != nil {
			return err
		}
		claimed, ok = e.found[items[0].ID].Bead, true
		return e.store(ctx, q)
	})
	return claimed, ok && err == nil, err
}
