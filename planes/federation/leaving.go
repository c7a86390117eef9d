package federation

import (
	"context"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Leaving is a text that a publication would send.
type Leaving struct {
	town.Key
	Text string
	// Former: it is not in force, but archived or proposed.
	Former bool
}

// Leaving streams the texts of rows that the plane's tip has and the commit base,
// which is published, has not; all of them for an empty base.
func (s *Store) Leaving(ctx context.Context, base string, yield func(Leaving) error) error {
	return s.db.View(ctx, func(tx *doltdb.Tx) error {
		if base == "" {
			var err error
			if base, err = tx.First(ctx, "HEAD"); err != nil {
				return err
			}
		}
		for _, table := range []struct{ name, columns string }{
			{"roles", "'role', to_name, to_text, ''"}, {"formulas", "'formula', to_name, to_text, ''"}, {"templates", "'template', to_name, to_text, ''"},
			{"archive", "to_kind, to_name, to_text, ''"}, {"proposals", "to_kind, to_name, to_text, to_base"},
		} {
			err := diffEach(ctx, tx, table.name, base, "HEAD", table.columns, "WHERE diff_type <> 'removed'", func(r *doltdb.Rows) error {
				l := Leaving{Former: table.name == "archive" || table.name == "proposals"}
				var other string
				if err := r.Scan(&l.Kind, &l.Name, &l.Text, &other); err != nil {
					return err
				}
				err := yield(l)
				if l.Text = other; err == nil && other != "" {
					err = yield(l)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// TextsAt gives the texts that a document has at a commit; none for an empty commit.
func (s *Store) TextsAt(ctx context.Context, commit string, key town.Key) (texts []string, err error) {
	if commit == "" {
		return nil, nil
	}
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		rows, err := editsByName(ctx, tx, key.Kind, commit, []string{key.Name})
		for _, r := range rows[key.Name] {
			texts = append(texts, r.Text)
		}
		return err
	})
	return texts, err
}
