package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

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
// one query runs: yield must not use the Store. An error of yield ends it. With
// caches, answers of a Limit up to 500 are kept.
func (s *Store) List(ctx context.Context, f Filter, yield func(Item) error) error {
	order, err := f.order(byUrgency...)
	if err != nil {
		return err
	}
	return s.items(ctx, f, "", "", f.conditions(s.moment()), order, yield)
}

// manyItems is from how many beads on it is cheaper to aggregate all labels and
// counts once than for each bead.
const manyItems = 500

// aggregates are the derived columns of an Item, by the field that wants them:
// what to aggregate, over which rows.
var aggregates = []struct {
	field, value, table, key string
	into                     func(*Item) sql.Scanner
}{
	{"labels", "JSON_ARRAYAGG(label)", "labels", "issue_id", func(i *Item) sql.Scanner { return labelsTo{&i.Labels} }},
	{"dependency_count", "COUNT(*)", "dependencies", "issue_id", func(i *Item) sql.Scanner { return intTo{&i.DependencyCount} }},
	{"dependent_count", "COUNT(*)", "dependencies", "depends_on_id", func(i *Item) sql.Scanner { return intTo{&i.DependentCount} }},
	{"comment_count", "COUNT(*)", "comments", "issue_id", func(i *Item) sql.Scanner { return intTo{&i.CommentCount} }},
}

// items runs the one query of a list. with goes before it, join after the table.
// A short list is chosen by what it is ordered by alone, and only the beads that
// are on it are read whole.
func (s *Store) items(ctx context.Context, f Filter, with, join string, w *where, order string, yield func(Item) error) error {
	cols := f.Fields.columns()
	short := f.Limit > 0 && f.Limit <= manyItems
	query := with + "SELECT " + names("i.", cols)
	targets := make([]func(*Item) sql.Scanner, 0, len(cols)+len(aggregates))
	for _, c := range cols {
		targets = append(targets, func(i *Item) sql.Scanner { return c.into(&i.Bead) })
	}
	for n, a := range aggregates {
		if !f.Fields.has(a.field) {
			continue
		}
		targets = append(targets, a.into)
		if short {
			query += fmt.Sprintf(", (SELECT %s FROM %s t WHERE t.%s = i.id)", a.value, a.table, a.key)
			continue
		}
		query += fmt.Sprintf(", a%d.v", n)
		join += fmt.Sprintf(" LEFT JOIN (SELECT %[2]s AS k, %[3]s AS v FROM %[4]s GROUP BY %[2]s) a%[1]d ON a%[1]d.k = i.id",
			n, a.key, a.value, a.table)
	}
	chosen := " FROM issues i" + join + w.String() + order + f.bounds()
	if short {
		query += " FROM (SELECT i.id" + chosen + ") chosen JOIN issues i ON i.id = chosen.id" + order
	} else {
		query += chosen
	}
	if s.caches == nil || !f.Kept() {
		err := s.rows(ctx, query, w.args, targets, cut(f, yield))
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	}
	items, err := cached(ctx, s, query, w.args, copyItems, func(ctx context.Context) (items []Item, err error) {
		err = s.rows(ctx, query, w.args, targets, cut(f, Collect(&items)))
		if errors.Is(err, errEnough) {
			err = nil
		}
		return items, err
	})
	for _, item := range items {
		if err := yield(item); err != nil {
			return err
		}
	}
	return err
}

// rows runs a query whose columns are the targets.
func (s *Store) rows(ctx context.Context, query string, args []any, targets []func(*Item) sql.Scanner, yield func(Item) error) error {
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
			if err := q.collect(textSize(&item.Bead)); err != nil {
				return err
			}
			slices.Sort(item.Labels)
			return yield(item)
		}, query, args...)
	})
}

// Collect is a yield that appends to a list.
func Collect(to *[]Item) func(Item) error {
	return func(i Item) error {
		*to = append(*to, i)
		return nil
	}
}
