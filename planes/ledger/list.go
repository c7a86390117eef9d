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

// Item is a bead as in lists: with its labels, and counts of the rest.
type Item struct {
	town.Bead
	// DependencyCount is how many beads it depends on, DependentCount how many
	// depend on it.
	DependencyCount int `json:"dependency_count"`
	DependentCount  int `json:"dependent_count"`
	CommentCount    int `json:"comment_count"`
	// Parent is the bead whose child it is. In a list, Dependencies are its links.
	Parent string `json:"parent,omitempty"`
}

func (i Item) clone() Item {
	i.Bead = i.Bead.Clone()
	return i
}

// byUrgency is the default order of lists.
var byUrgency = []Order{{Field: "priority"}, {Field: "created_at", Desc: true}}

// List calls yield for every bead that the filter selects, in the filter's
// order, while its one query runs: yield must not use the Store. An error of
// yield ends the list. With caches, answers with a Limit of up to 500 are
// cached.
func (s *Store) List(ctx context.Context, f Filter, yield func(Item) error) error {
	order, err := f.order(byUrgency...)
	if err == nil {
		f, err = s.known(ctx, f)
	}
	if err != nil {
		return err
	}
	return s.items(ctx, f, "", "", f.urgent().conditions(s.moment()), order, yield)
}

// manyItems is from which number of beads on it is cheaper to aggregate the
// labels and counts of all beads than those of each bead on the list.
const manyItems = 500

// aggregates are the derived columns of an Item: which fields want the column,
// and what is aggregated over which rows.
var aggregates = []struct {
	wanted            func(Fields) bool
	value, table, key string
	into              func(*Item, Fields) sql.Scanner
}{
	{func(f Fields) bool { return f.has("labels") }, "JSON_ARRAYAGG(label)", "labels", "issue_id",
		func(i *Item, _ Fields) sql.Scanner { return labelsTo{&i.Labels} }},
	{Fields.wantsEdges, edges, "dependencies", "issue_id",
		func(i *Item, f Fields) sql.Scanner { return edgesTo{i, f.has("dependencies")} }},
	{func(f Fields) bool { return f.has("dependency_count") && !f.wantsEdges() }, "COUNT(*)", "dependencies", "issue_id",
		func(i *Item, _ Fields) sql.Scanner { return intTo{&i.DependencyCount} }},
	{func(f Fields) bool { return f.has("dependent_count") }, "COUNT(*)", "dependencies", "depends_on_id",
		func(i *Item, _ Fields) sql.Scanner { return intTo{&i.DependentCount} }},
	{func(f Fields) bool { return f.has("comment_count") }, "COUNT(*)", "comments", "issue_id",
		func(i *Item, _ Fields) sql.Scanner { return intTo{&i.CommentCount} }},
}

// items runs the query of a list; see listing.
func (s *Store) items(ctx context.Context, f Filter, with, join string, w *where, order string, yield func(Item) error) error {
	query, read := s.listing(f, with, join, w, order)
	if !f.Cacheable() {
		return read(ctx, yield)
	}
	return s.cachedItems(ctx, query, w.args, read, yield)
}

// reader calls yield for every bead of a list.
type reader func(ctx context.Context, yield func(Item) error) error

// listing builds the one query of a list. with goes before it, join after the
// table. A short list is chosen by the columns it is ordered by, and only the
// chosen beads are read whole.
func (s *Store) listing(f Filter, with, join string, w *where, order string) (query string, read reader) {
	if !f.Cacheable() {
		join += f.joinAggregates()
	}
	from := " FROM issues i" + join + w.String() + order + f.bounds()
	if f.Cacheable() {
		from = " FROM (SELECT i.id" + from + ") chosen JOIN issues i ON i.id = chosen.id" + order
	}
	query, targets := f.selecting(with, from)
	return query, func(ctx context.Context, yield func(Item) error) error {
		if err := s.rows(ctx, query, w.args, targets, cut(f, yield)); !errors.Is(err, errEnough) {
			return err
		}
		return nil
	}
}

// cachedItems calls yield for the beads of a list. With caches, the list is
// cached under the query.
func (s *Store) cachedItems(ctx context.Context, query string, args []any, read reader, yield func(Item) error) error {
	if s.caches == nil {
		return read(ctx, yield)
	}
	items, err := cached(ctx, s, query, args, clones, func(ctx context.Context) (items []Item, err error) {
		err = read(ctx, Collect(&items))
		return items, err
	})
	if err != nil {
		return err
	}
	return each(items, yield)
}

// each calls yield for items until yield fails.
func each(items []Item, yield func(Item) error) error {
	for _, item := range items {
		if err := yield(item); err != nil {
			return err
		}
	}
	return nil
}

// selecting builds the query of the wanted fields, and returns where its
// columns are scanned to. with goes before the query, from after the columns.
func (f Filter) selecting(with, from string) (query string, targets []func(*Item) sql.Scanner) {
	cols := f.Fields.columns()
	query = with + "SELECT " + names("i.", cols)
	for _, c := range cols {
		targets = append(targets, func(i *Item) sql.Scanner { return c.into(&i.Bead) })
	}
	for n, a := range aggregates {
		if !a.wanted(f.Fields) {
			continue
		}
		targets = append(targets, func(i *Item) sql.Scanner { return a.into(i, f.Fields) })
		if f.Cacheable() {
			query += fmt.Sprintf(", (SELECT %s FROM %s t WHERE t.%s = i.id)", a.value, a.table, a.key)
		} else {
			query += fmt.Sprintf(", a%d.v", n)
		}
	}
	return query + from, targets
}

// joinAggregates joins the derived columns of a long list.
func (f Filter) joinAggregates() (join string) {
	for n, a := range aggregates {
		if a.wanted(f.Fields) {
			join += fmt.Sprintf(" LEFT JOIN (SELECT t.%[2]s AS k, %[3]s AS v FROM %[4]s t GROUP BY t.%[2]s) a%[1]d ON a%[1]d.k = i.id",
				n, a.key, a.value, a.table)
		}
	}
	return join
}

// rows runs a query and scans its columns to the targets.
func (s *Store) rows(ctx context.Context, query string, args []any, targets []func(*Item) sql.Scanner, yield func(Item) error) error {
	return s.read(ctx, func(q txn) error { return q.items(ctx, query, args, targets, yield) })
}

func (q txn) items(ctx context.Context, query string, args []any, targets []func(*Item) sql.Scanner, yield func(Item) error) error {
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
}

// Collect returns a yield that appends to a list.
func Collect(to *[]Item) func(Item) error {
	return func(i Item) error {
		*to = append(*to, i)
		return nil
	}
}
