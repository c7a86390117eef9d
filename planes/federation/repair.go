package federation

import (
	"context"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Mend gives rows that another program wrote (the stock dolt, say) the digest
// their content calls for, and archives the text they replaced. Every Town
// mends alike, so Towns that do it at once agree. It returns the commit, ""
// when there was nothing to mend.
func (s *Store) Mend(ctx context.Context, base, theirs string) (string, error) {
	return s.Update(ctx, "mend rows another program wrote", func(tx *doltdb.Tx) error {
		if base == "" {
			var err error
			if base, err = first(ctx, tx, theirs); err != nil {
				return err
			}
		}
		c := newChangeset()
		for _, k := range town.Kinds {
			if err := mendKind(ctx, tx, k, base, theirs, c); err != nil {
				return err
			}
		}
		return c.write(ctx, tx)
	})
}

func mendKind(ctx context.Context, tx *doltdb.Tx, k town.Kind, base, theirs string, c *changeset) error {
	var names []string
	err := diffEach(ctx, tx, rowTable(k), base, theirs, prefixed(columns(k)), "WHERE diff_type <> 'removed'", func(r *doltdb.Rows) error {
		e, err := scanEdit(r, k)
		if err == nil && !e.intact() {
			names = append(names, e.Name)
		}
		return err
	})
	if err != nil || len(names) == 0 {
		return err
	}
	now, err := editsByName(ctx, tx, k, "", names)
	if err != nil {
		return err
	}
	before, err := editsByName(ctx, tx, k, base, names)
	if err != nil {
		return err
	}
	for name, rows := range now {
		mended := false
		for _, r := range rows {
			mended = mended || !r.intact()
		}
		if !mended {
			continue
		}
		if k == town.KindTemplate {
			c.issues[name] = plain(rows)
		} else {
			c.force(rows[0].Key, &rows[0].Edit)
			c.keep(plain(before[name])...)
		}
	}
	return nil
}
