package doltdb

import (
	"context"
	"fmt"
	"strings"

	"gastown/town"
)

const (
	// maxBack is how many commits are examined for the last good state; before
	// them the state that both sides have is taken.
	maxBack = 100
	// maxSalvaged is how many rows of one table that changed since the last good
	// state are taken one by one. Where there are more, the table stays as it was.
	maxSalvaged = 1 << 20
	// maxBad is how many rows of one table are left out by name. Where there are more,
	// the table stays as it was too.
	maxBad = 1000
	// maxGone is how many rows or tables a Salvage names.
	maxGone = 50
)

// Scanner is a row to read.
type Scanner interface{ Scan(...any) error }

// SalvagedTable is a table whose rows a repair may take over one by one.
type SalvagedTable struct {
	Name string
	// Keys are its key columns, Columns all of them.
	Keys, Columns []string
	// List is what Check scans, of a row of dolt_diff.
	List  string
	Check func(Scanner) error
	// AddOnly: its rows are never removed.
	AddOnly bool
}

// Salvage says what a repair of a history makes of it: which changes since the last
// good state stay and which go.
type Salvage struct {
	// Tip is the commit that is not accepted, Reason why. Good is the last commit
	// before it that is, and Commits how many follow it.
	Tip, Good string
	Reason    error
	Commits   int
	// Kept counts the rows changed since Good that stay changed.
	Kept int
	// Gone names, for people, what of Tip is not in the outcome; GoneTotal counts all.
	Gone      []string
	GoneTotal int

	plans []tablePlan
}

// tablePlan is what becomes of one table's changes.
type tablePlan struct {
	table SalvagedTable
	// bad and removed are keys: of rows that are not taken, and of rows that go.
	bad, removed [][]any
}

// Salvaging describes a plane to Examine and Repair.
type Salvaging struct {
	Shape  Shape
	Tables []SalvagedTable
	// Accepts is the plane's check of a revision by what changed since base.
	Accepts func(ctx context.Context, tx *Tx, base, revision string) error
}

func (s *Salvage) gone(format string, args ...any) {
	if s.GoneTotal++; len(s.Gone) < maxGone {
		s.Gone = append(s.Gone, fmt.Sprintf(format, args...))
	}
}

// Examine finds out what a repair of tip would do; nil when tip is accepted. base is
// a commit of its history that is good.
func (tx *Tx) Examine(ctx context.Context, base, tip string, p Salvaging) (*Salvage, error) {
	s := &Salvage{Tip: tip, Good: base}
	if s.Reason = p.Accepts(ctx, tx, base, tip); s.Reason == nil || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	commits, err := tx.before(ctx, base, tip)
	if err != nil {
		return nil, err
	}
	for i, c := range commits {
		if i > 0 && i < maxBack && p.Accepts(ctx, tx, base, c) == nil {
			s.Good = c
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.Commits, err = tx.Count(ctx, s.Good, tip); err != nil {
		return nil, err
	}
	return s, tx.compare(ctx, s, p)
}

// before lists the newest commits of tip that base has not, newest first.
func (tx *Tx) before(ctx context.Context, base, tip string) (commits []string, err error) {
	err = tx.Each(ctx, func(r *Rows) error {
		var c string
		err := r.Scan(&c)
		commits = append(commits, c)
		return err
	}, fmt.Sprintf("SELECT commit_hash FROM dolt_log(?, '--not', ?) LIMIT %d", maxBack), tip, base)
	return commits, err
}

// compare decides about every change between the last good state and the tip.
func (tx *Tx) compare(ctx context.Context, s *Salvage, p Salvaging) error {
	done, err := tx.Migrations(ctx, s.Good)
	if err != nil {
		return err
	}
	known := p.Shape.After(min(len(done), len(p.Shape.Steps)))
	type change struct {
		table        string
		removed, own bool
		schema, data bool
	}
	var changes []change
	err = tx.Each(ctx, func(r *Rows) error {
		var from, to *string
		var kind string
		var c change
		if err := r.Scan(&from, &to, &kind, &c.data, &c.schema); err != nil {
			return err
		}
		if c.removed = to == nil || *to == ""; c.removed {
			to = from
		}
		c.table = *to
		_, c.own = known[c.table]
		changes = append(changes, c)
		return nil
	}, "SELECT from_table_name, to_table_name, diff_type, data_change, schema_change FROM dolt_diff_summary(?, ?)", s.Good, s.Tip)
	if err != nil {
		return err
	}
	for _, c := range changes {
		name := town.Clip(c.table, 64)
		switch {
		case !c.own:
			s.gone("table %q, which the %s plane does not have", name, p.Shape.Plane)
			continue
		case c.removed:
			s.gone("the removal of table %q", name)
			continue
		case c.schema:
			s.gone("the other definition of table %q", name)
		}
		if !c.data {
			continue
		}
		if err := tx.compareRows(ctx, s, p, c.table); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) compareRows(ctx context.Context, s *Salvage, p Salvaging, name string) error {
	for _, t := range p.Tables {
		if t.Name != name {
			continue
		}
		plan, kept, err := tx.judgeRows(ctx, s, t)
		if err != nil && ctx.Err() == nil {
			s.gone("the changed rows of table %q, which cannot be read: %v", name, err)
			return nil
		}
		if err == nil {
			s.plans, s.Kept = append(s.plans, plan), s.Kept+kept
		}
		return err
	}
	s.gone("the changed rows of table %q", name)
	return nil
}

// judgeRows checks the rows of a table that changed.
func (tx *Tx) judgeRows(ctx context.Context, s *Salvage, t SalvagedTable) (plan tablePlan, kept int, err error) {
	plan.table = t
	from := fmt.Sprintf(" FROM dolt_diff('%s', '%s', '%s') WHERE diff_type ", s.Good, s.Tip, t.Name)
	keys := func(prefix string) string { return prefix + strings.Join(t.Keys, ", "+prefix) }
	tell := *s
	err = tx.Each(ctx, func(r *Rows) error {
		row := keyed{rows: r, keys: make([]any, len(t.Keys))}
		if err := t.Check(&row); err != nil {
			plan.bad = append(plan.bad, row.keys)
			tell.gone("table %s, row %s: %v", t.Name, row.name(), err)
		} else {
			kept++
		}
		if len(plan.bad) > maxBad {
			return fmt.Errorf("more than %d of them are not valid, such as %s", maxBad, row.name())
		}
		return bounded(kept + len(plan.bad))
	}, "SELECT "+keys("to_")+", "+t.List+from+"<> 'removed'")
	if err != nil {
		return plan, 0, err
	}
	err = tx.Each(ctx, func(r *Rows) error {
		row := keyed{rows: r, keys: make([]any, len(t.Keys))}
		if err := row.Scan(); err != nil {
			return err
		}
		if t.AddOnly {
			tell.gone("table %s: the removal of row %s", t.Name, row.name())
			return nil
		}
		plan.removed = append(plan.removed, row.keys)
		kept++
		return bounded(kept)
	}, "SELECT "+keys("from_")+from+"= 'removed'")
	if err == nil {
		*s = tell
	}
	return plan, kept, err
}

func bounded(rows int) error {
	if rows > maxSalvaged {
		return fmt.Errorf("more than %d rows were changed", maxSalvaged)
	}
	return nil
}

// keyed is a row whose first columns are its keys.
type keyed struct {
	rows *Rows
	keys []any
}

// Scan reads the keys, and the rest into dest.
func (k *keyed) Scan(dest ...any) error {
	texts := make([]*string, len(k.keys))
	all := make([]any, 0, len(k.keys)+len(dest))
	for i := range texts {
		all = append(all, &texts[i])
	}
	err := k.rows.Scan(append(all, dest...)...)
	for i, text := range texts {
		if text != nil {
			k.keys[i] = *text
		}
	}
	return err
}

// name is the key for people.
func (k *keyed) name() string {
	list := make([]string, len(k.keys))
	for i, key := range k.keys {
		list[i] = fmt.Sprintf("%q", town.Clip(fmt.Sprint(key), 64))
	}
	return strings.Join(list, ", ")
}
