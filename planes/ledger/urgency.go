package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"gastown/town"
)

// inUrgency are the fields in idx_urgency that a list may be ordered by.
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

// readyOfAll finds all beads that wait, and yields the others that the query selects.
func (s *Store) readyOfAll(r ready) reader {
	_, read := s.listing(r.Filter, r.all(), " LEFT JOIN held ON held.id = i.id", r.free(), r.order)
	return read
}

// readyRows is the query of readyOfAll, with its arguments and where its columns go.
func (s *Store) readyRows(r ready) (query string, args []any, targets []func(*Item) sql.Scanner) {
	w := r.free()
	query, targets = r.selecting(r.all(), " FROM issues i LEFT JOIN held ON held.id = i.id"+w.String()+r.order+r.bounds())
	return query, w.args, targets
}

// free are the conditions on beads that are ready.
func (r ready) free() *where {
	w := &where{conds: slices.Clone(r.w.conds), args: slices.Clone(r.w.args)}
	if r.late != nil {
		w = &where{conds: []string{"(" + r.w.group() + " OR " + r.late.group() + ")"}, args: slices.Concat(r.w.args, r.late.args)}
	}
	w.add("held.id IS NULL")
	return w
}

// readyOfFirst looks only at the first beads that the query selects, somewhat more than
// are wanted, and at deferred ones whose time has come. It finds out whether those or
// their parents wait. sure is false when so many of them wait that later beads may
// belong on the list.
func (s *Store) readyOfFirst(ctx context.Context, r ready) (items []Item, sure bool, err error) {
	wanted := r.Limit + max(r.Offset, 0)
	looked := 2*wanted + 100
	along := r.order
	if len(r.Statuses) == 1 && len(r.Sort) == 0 && !r.Hybrid {
		along = " ORDER BY i.status, i.priority, i.created_at, i.id" // as idx_urgency is: nothing is sorted
	}
	first := "SELECT i.id FROM issues i" + r.w.String() + along + fmt.Sprintf(" LIMIT %d", looked)
	both, args := first, r.w.args
	if r.late != nil {
		both = "SELECT o.id FROM (" + first + ") o UNION ALL SELECT i.id FROM issues i" + r.late.String()
		args = slices.Concat(args, r.late.args)
	}
	query, targets := r.selecting(r.among(both), " FROM (SELECT up.id FROM up LEFT JOIN held ON held.id = up.id"+
		" WHERE up.root = up.id AND held.id IS NULL) free JOIN issues i ON i.id = free.id"+r.order+r.bounds())
	// In one view, so that both queries see the same state through a server.
	n := 0
	err = s.read(ctx, func(q txn) (err error) {
		if err = q.items(ctx, query, args, targets, Collect(&items)); err != nil {
			return err
		}
		// A deferred bead may take the place of an open one that was not looked at.
		asleep := func(i Item) bool { return i.Status != town.StatusOpen }
		if len(items) < r.Limit || r.late != nil && (!r.Fields.has("status") || slices.ContainsFunc(items, asleep)) {
			n, err = q.count(ctx, "("+first+") f", r.w.args...)
		}
		return err
	})
	return items, n < looked, err
}
