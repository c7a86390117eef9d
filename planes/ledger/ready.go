package ledger

import (
	"context"
	"slices"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// recent is how old a bead may be to come first by its priority in the Hybrid order.
const recent = 48 * time.Hour

// ready is a query for ready beads.
type ready struct {
	Filter
	holding
	w, late *where // the conditions on open beads, and on deferred ones whose time has come
	order   string
}

// readyQuery prepares a query for ready beads.
func (s *Store) readyQuery(f Filter) (r ready, err error) {
	r.holding = holding{s.moment(), !f.IncludeDeferred}
	usual := len(f.Statuses) == 0
	if usual {
		f.Statuses = []town.Status{town.StatusOpen}
	}
	if usual && f.IncludeDeferred {
		f.Statuses = append(f.Statuses, town.StatusDeferred)
	}
	if len(f.Types) == 0 {
		f.NotTypes = append(slices.Clone(f.NotTypes), town.ProgramTypes...)
	}
	r.order, err = f.order(Order{Field: "priority"}, Order{Field: "created_at"})
	if f.Hybrid {
		since := stamp(r.now.Add(-recent).Truncate(deferGrain))
		r.order = " ORDER BY CASE WHEN i.created_at >= '" + since + "' THEN 0 ELSE 1 END," +
			" CASE WHEN i.created_at >= '" + since + "' THEN i.priority ELSE 0 END, i.created_at, i.id"
	}
	r.w = f.urgent().conditions(r.now)
	r.w.due(f, r.holding)
	if usual && !f.IncludeDeferred {
		asleep := f
		asleep.Statuses = []town.Status{town.StatusDeferred}
		r.late = asleep.urgent().conditions(r.now)
		r.late.due(f, r.holding)
		r.late.add(r.awake())
	}
	r.Filter = f
	return r, err
}

// Ready calls yield for the beads that can be started, most urgent first: open, or
// deferred until a time that has come; work, not a template or a note; and not waiting
// for others, neither themselves nor a parent. The Filter narrows that; its Statuses
// and Types replace "open" and "every type that people use". It takes one query. A
// short list takes two when few beads are ready, and three when nearly all of the
// first ones wait.
func (s *Store) Ready(ctx context.Context, f Filter, yield func(Item) error) error {
	r, err := s.readyQuery(f)
	if err != nil {
		return err
	}
	if !f.Cacheable() || f.Offset > manyItems {
		return s.readyOfAll(r)(ctx, yield)
	}
	return s.cachedItems(ctx, "ready "+f.described(r.w, r.order), r.w.args, func(ctx context.Context, yield func(Item) error) error {
		items, sure, err := s.readyOfFirst(ctx, r)
		if err != nil {
			return err
		}
		if !sure {
			return s.readyOfAll(r)(ctx, yield)
		}
		return each(items, yield)
	}, yield)
}

// Waiting is a bead that waits for others.
type Waiting struct {
	Item
	// BlockedBy are the beads that it waits for itself; none when it waits with its
	// parent.
	BlockedBy []string `json:"blocked_by"`
	// BlockedByCount is their number.
	BlockedByCount int `json:"blocked_by_count"`
}

// Blocked returns the open beads that wait for others, most urgent first, with what
// they wait for, in two queries. Children of a deferred bead are not among them. The
// answer is cached whole, also without a Limit, unless it is too large for an entry.
func (s *Store) Blocked(ctx context.Context, f Filter) ([]Waiting, error) {
	if !slices.Contains(f.Not, town.StatusClosed) {
		f.Not = append(slices.Clone(f.Not), town.StatusClosed)
	}
	order, err := f.order(byUrgency...)
	if err != nil {
		return nil, err
	}
	if s.caches == nil {
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
	h := holding{now: s.moment()}
	err := s.items(ctx, f, h.all(), " JOIN held ON held.id = i.id", f.conditions(s.moment()), order, Collect(&items))
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
			" WHERE "+waits+" ORDER BY d.issue_id, d.depends_on_id")
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
