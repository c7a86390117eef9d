package ledger

import (
	"context"
	"fmt"
	"slices"

	"gastown/town"
)

// inUrgency are the fields in idx_urgency.
var inUrgency = []string{"id", "status", "priority", "created_at", "issue_type", "defer_until"}

// urgent rewrites the filter so that the engine can choose a short list by
// idx_urgency alone. That index holds only the columns that such lists are
// chosen and ordered by, which is a tenth of the pages. The engine uses the
// index of which it can bound the most columns, so both the status and the
// priority are bounded: the status by a list of all statuses if need be (see known),
// because the engine uses no range for it, and the priority by all integers,
// because other programs may use more than ours. A filter on columns that are
// not in the index stays as it is.
func (f Filter) urgent() Filter {
	others := len(f.IDs) + len(f.Assignees) + len(f.Owners) + len(f.CreatedBy) + len(f.Labels) + len(f.AnyLabels) + len(f.NotLabels)
	others += len(f.All) + len(f.Any) + len(f.None)
	if !f.Cacheable() || others > 0 || !f.Details.empty() || f.describes() || f.Parent+f.Text != "" || f.Overdue || f.Updated != (Span{}) || f.Closed != (Span{}) || f.Due != (Span{}) {
		return f
	}
	for _, o := range f.Sort {
		if !slices.Contains(inUrgency, o.Field) {
			return f
		}
	}
	statuses := f.Statuses
	if len(statuses) == 0 {
		statuses = f.every
	}
	statuses = slices.DeleteFunc(slices.Clone(statuses), func(s town.Status) bool { return slices.Contains(f.Not, s) })
	if len(statuses) == 0 {
		return f
	}
	f.Statuses, f.Not, f.bounded = statuses, nil, true
	return f
}

// described is the key of a list in the caches, without the arguments.
func (f Filter) described(w *where, order string) string {
	return fmt.Sprintf("%t %q", f.Fields == nil, f.Fields) + w.String() + order + f.bounds()
}

// readyOfAll finds all beads that wait, and yields the others that w selects.
func (s *Store) readyOfAll(f Filter, w *where, order string) reader {
	w = &where{conds: append(slices.Clone(w.conds), "held.id IS NULL"), args: w.args}
	_, read := s.listing(f, heldUp, " LEFT JOIN held ON held.id = i.id", w, order)
	return read
}

// readyOfFirst looks only at the first beads that w selects, somewhat more than
// are wanted, and finds out whether those or their parents wait. sure is false
// when so many of them wait that later beads may belong on the list.
func (s *Store) readyOfFirst(ctx context.Context, f Filter, w *where, order string) (items []Item, sure bool, err error) {
	wanted := f.Limit + max(f.Offset, 0)
	looked := 2*wanted + 100
	along := order
	if len(f.Statuses) == 1 && len(f.Sort) == 0 {
		along = " ORDER BY i.status, i.priority, i.created_at, i.id" // as idx_urgency is: nothing is sorted
	}
	first := "SELECT i.id FROM issues i" + w.String() + along + fmt.Sprintf(" LIMIT %d", looked)
	with := "WITH RECURSIVE up (root, id) AS (SELECT f.id, f.id FROM (" + first + ") f" +
		" UNION SELECT up.root, d.depends_on_id FROM up JOIN dependencies d ON d.issue_id = up.id WHERE d.type = 'parent-child')," +
		" held (id) AS (SELECT up.root FROM up JOIN dependencies d ON d.issue_id = up.id JOIN issues b ON b.id = d.depends_on_id" +
		" WHERE d.type = 'blocks' AND b.status <> 'closed') "
	query, targets := f.selecting(with, " FROM (SELECT up.id FROM up LEFT JOIN held ON held.id = up.id"+
		" WHERE up.root = up.id AND held.id IS NULL) free JOIN issues i ON i.id = free.id"+order+f.bounds())
	// In one view, so that both queries see the same state through a server.
	var n int
	err = s.read(ctx, func(q txn) (err error) {
		if err = q.items(ctx, query, w.args, targets, Collect(&items)); err == nil && len(items) < f.Limit {
			n, err = q.count(ctx, "("+first+") f", w.args...)
		}
		return err
	})
	return items, n < looked, err
}
