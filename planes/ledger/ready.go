package ledger

import (
	"context"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// internalTypes are types of beads that programs use among themselves. Ready
// skips them unless they are asked for.
var internalTypes = []town.BeadType{"message", "merge-request", "molecule", "gate", "agent", "role", "convoy", "event"}

// heldUp is a common table expression of the beads that wait: those with an
// open blocker, and the children of a bead that waits. A blocker in another
// ledger does not count.
const heldUp = "WITH RECURSIVE held (id) AS (" +
	"SELECT d.issue_id FROM dependencies d JOIN issues b ON b.id = d.depends_on_id WHERE d.type = 'blocks' AND b.status <> 'closed'" +
	" UNION SELECT d.issue_id FROM held JOIN dependencies d ON d.depends_on_id = held.id WHERE d.type = 'parent-child') "

// Ready calls yield for the beads that can be started, most urgent first: open,
// not deferred, and not waiting for an open blocker, neither themselves nor a
// parent. The Filter narrows that; its Statuses and Types replace "open" and
// "every type that people use". It takes one query. A short list takes two when
// few beads are ready, and three when nearly all of the first ones wait.
func (s *Store) Ready(ctx context.Context, f Filter, yield func(Item) error) error {
	if len(f.Statuses) == 0 {
		f.Statuses = []town.Status{town.StatusOpen}
	}
	if len(f.Types) == 0 {
		f.NotTypes = append(f.NotTypes, internalTypes...)
	}
	order, err := f.order(Order{Field: "priority"}, Order{Field: "created_at"})
	if err != nil {
		return err
	}
	now := s.moment()
	w := f.urgent().conditions(now)
	w.add("COALESCE(i.defer_until, '1000-01-01') <= ?", stamp(now.Truncate(deferGrain)))
	if !f.Cacheable() || f.Offset > manyItems {
		return s.readyOfAll(f, w, order)(ctx, yield)
	}
	return s.cachedItems(ctx, "ready "+f.described(w, order), w.args, func(ctx context.Context, yield func(Item) error) error {
		items, sure, err := s.readyOfFirst(ctx, f, w, order)
		if err != nil {
			return err
		}
		if !sure {
			return s.readyOfAll(f, w, order)(ctx, yield)
		}
		return each(items, yield)
	}, yield)
}

// Waiting is a bead that waits for others.
type Waiting struct {
	Item
	// BlockedBy are its own open blockers; none when only its parent waits.
	BlockedBy []string `json:"blocked_by"`
	// BlockedByCount is their number.
	BlockedByCount int `json:"blocked_by_count"`
}

// Blocked returns the open beads that wait, most urgent first, with what they
// wait for, in two queries.
func (s *Store) Blocked(ctx context.Context, f Filter) ([]Waiting, error) {
	f.Not = append(f.Not, town.StatusClosed)
	order, err := f.order(byUrgency...)
	if err != nil {
		return nil, err
	}
	if s.caches == nil || !f.Cacheable() {
		return s.blocked(ctx, f, order)
	}
	w := f.conditions(s.moment())
	return cached(ctx, s, "blocked "+f.described(w, order), w.args, copyWaiting,
		func(ctx context.Context) ([]Waiting, error) { return s.blocked(ctx, f, order) })
}

func copyWaiting(list []Waiting) []Waiting {
	all := slices.Clone(list)
	for i := range all {
		all[i].Item, all[i].BlockedBy = all[i].clone(), slices.Clone(all[i].BlockedBy)
	}
	return all
}

func (s *Store) blocked(ctx context.Context, f Filter, order string) ([]Waiting, error) {
	var items []Item
	err := s.items(ctx, f, heldUp, " JOIN held ON held.id = i.id", f.conditions(s.moment()), order, Collect(&items))
	if err != nil {
		return nil, err
	}
	blockers := map[string][]string{}
	err = s.read(ctx, func(q txn) error {
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var bead, by string
			err := rows.Scan(&bead, &by)
			blockers[bead] = append(blockers[bead], by)
			return err
		}, "SELECT d.issue_id, d.depends_on_id FROM dependencies d JOIN issues b ON b.id = d.depends_on_id"+
			" WHERE d.type = 'blocks' AND b.status <> 'closed' ORDER BY d.issue_id, d.depends_on_id")
	})
	waiting := make([]Waiting, len(items))
	for i, item := range items {
		by := blockers[item.ID]
		if by == nil {
			by = []string{}
		}
		waiting[i] = Waiting{Item: item, BlockedBy: by, BlockedByCount: len(by)}
	}
	return waiting, err
}
