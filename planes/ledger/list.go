package ledger

import (
	"context"
	"database/sql"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Item is a bead as lists show it: with its labels, and counts of the rest.
type Item struct {
	town.Bead
	// DependencyCount is how many beads it depends on, DependentCount how many
	// depend on it.
	DependencyCount int `json:"dependency_count"`
	DependentCount  int `json:"dependent_count"`
	CommentCount    int `json:"comment_count"`
}

func (i Item) clone() Item {
	i.Bead = i.Bead.Clone()
	return i
}

// byUrgency is the order of lists by default.
var byUrgency = []Order{{Field: "priority"}, {Field: "created_at", Desc: true}}

// List calls yield for every bead the filter selects, in its order, while the
// one query runs: yield must not use the Store. An error of yield ends it.
func (s *Store) List(ctx context.Context, f Filter, yield func(Item) error) error {
	order, err := f.order(byUrgency...)
	if err != nil {
		return err
	}
	return s.items(ctx, f.Fields, "", "", f.conditions(s.moment()), order, yield)
}

// aggregates are the derived columns of an Item, by the field that wants them.
var aggregates = []struct {
	field, sql string
	into       func(*Item) sql.Scanner
}{
	{"labels", "(SELECT JSON_ARRAYAGG(l.label) FROM labels l WHERE l.issue_id = i.id)",
		func(i *Item) sql.Scanner { return labelsTo{&i.Labels} }},
	{"dependency_count", "(SELECT COUNT(*) FROM dependencies d WHERE d.issue_id = i.id)",
		func(i *Item) sql.Scanner { return intTo{&i.DependencyCount} }},
	{"dependent_count", "(SELECT COUNT(*) FROM dependencies d WHERE d.depends_on_id = i.id)",
		func(i *Item) sql.Scanner { return intTo{&i.DependentCount} }},
	{"comment_count", "(SELECT COUNT(*) FROM comments c WHERE c.issue_id = i.id)",
		func(i *Item) sql.Scanner { return intTo{&i.CommentCount} }},
}

// items runs the one query of a list. with goes before it, join after the table.
func (s *Store) items(ctx context.Context, f Fields, with, join string, w *where, order string, yield func(Item) error) error {
	cols := f.columns()
	query := with + "SELECT " + names("i.", cols)
	targets := make([]func(*Item) sql.Scanner, 0, len(cols)+len(aggregates))
	for _, c := range cols {
		targets = append(targets, func(i *Item) sql.Scanner { return c.into(&i.Bead) })
	}
	for _, a := range aggregates {
		if f.has(a.field) {
			query += ", " + a.sql
			targets = append(targets, a.into)
		}
	}
	query += " FROM issues i" + join + w.String() + order
	return s.read(ctx, func(q session) error {
		dest := make([]any, len(targets))
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var item Item
			for n, into := range targets {
				dest[n] = into(&item)
			}
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			return yield(item)
		}, query, w.args...)
	})
}

// Collect is a yield that appends to a list.
func Collect(to *[]Item) func(Item) error {
	return func(i Item) error {
		*to = append(*to, i)
		return nil
	}
}
