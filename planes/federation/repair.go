package federation

import (
	"context"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Mend gives rows that another program wrote, such as the stock dolt, the digest of
// their content, and archives the texts they replaced. Every Town mends in the
// same way, so Towns that do it at once agree. It returns the commit; "" when
// there was nothing to mend.
func (s *Store) Mend(ctx context.Context, base, theirs string) (string, error) {
	return s.db.Update(ctx, "mend rows another program wrote", func(tx *doltdb.Tx) error {
		whole := base == ""
		if whole {
			var err error
			if base, err = tx.First(ctx, theirs); err != nil {
				return err
			}
		}
		c := s.newChangeset()
		for _, k := range town.Kinds {
			if err := mendKind(ctx, tx, k, base, theirs, whole, c); err != nil {
				return err
			}
		}
		return c.write(ctx, tx)
	})
}

// mendKind mends the rows of one kind that changed between two commits, and archives
// texts that such a change removed. gt archives them itself, so for rows that gt
// wrote this adds nothing. With whole, base is a commit without tables.
func mendKind(ctx context.Context, tx *doltdb.Tx, k town.Kind, base, theirs string, whole bool, c *changeset) error {
	var names []string
	touched := map[string][]town.Edit{} // name -> former rows that were removed or rewritten
	err := diffEach(ctx, tx, rowTable(k), base, theirs, prefixed(columns(k)), "WHERE diff_type <> 'removed'", func(r *doltdb.Rows) error {
		e, err := scanEdit(r, k)
		if err == nil && !e.intact() {
			names = append(names, e.Name)
		}
		return err
	})
	if err != nil {
		return err
	}
	where := "WHERE diff_type = 'removed'"
	if k == town.KindTemplate {
		where = "WHERE diff_type <> 'added'" // the text of an issue never changes
	}
	err = diffEach(ctx, tx, rowTable(k), base, theirs, from(columns(k)), where, func(r *doltdb.Rows) error {
		e, err := scanEdit(r, k)
		if err == nil && len(e.Text) <= town.MaxDocumentBytes && checkEdit(e.Edit) == nil {
			// A row that no Town would have taken is not archived either: a repair
			// removed it.
			touched[e.Name] = append(touched[e.Name], e.Edit)
		}
		return err
	})
	if err != nil && unlike(ctx, tx, rowTable(k), base, theirs) {
		clear(touched) // base had other columns, and a repair has put them right
		err = nil
	}
	if err != nil || len(names)+len(touched) == 0 {
		return err
	}
	for name := range touched {
		names = append(names, name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	now, err := editsByName(ctx, tx, k, "", names)
	if err != nil {
		return err
	}
	var before map[string][]row
	if !whole {
		before, err = editsBeside(ctx, tx, k, base, names, now)
		if err != nil && unlike(ctx, tx, rowTable(k), base, theirs) {
			before, err = nil, nil
		}
		if err != nil {
			return err
		}
	}
	for _, name := range names {
		rows := now[name]
		retainGone(c, touched[name], rows)
		if !slices.ContainsFunc(rows, func(r row) bool { return !r.intact() }) {
			continue
		}
		if k == town.KindTemplate {
			c.issues[name] = plain(rows)
		} else {
			c.force(rows[0].Key, &rows[0].Edit)
			c.retain(plain(before[name])...)
		}
	}
	return nil
}

// unlike reports that a table is defined otherwise at two revisions.
func unlike(ctx context.Context, tx *doltdb.Tx, table, a, b string) bool {
	first, err1 := tx.Definition(ctx, table, a)
	second, err2 := tx.Definition(ctx, table, b)
	return err1 == nil && err2 == nil && first != second
}

// retainGone archives the texts of former rows that no present row holds.
func retainGone(c *changeset, former []town.Edit, rows []row) {
	if len(former) == 0 {
		return
	}
	held := make(map[string]bool, len(rows))
	for _, r := range rows {
		held[r.Text] = true
	}
	for _, e := range former {
		if e.Deleted || held[e.Text] {
			continue
		}
		if e.Kind == town.KindTemplate {
			e.Version = "" // the number of an issue is no version of its text
		}
		c.retain(e)
	}
}

func from(columns string) string { return "from_" + strings.ReplaceAll(columns, ", ", ", from_") }
