package federation

import (
	"context"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Text names one text of one document by its content.
type Text struct {
	town.Key
	Content town.Digest
}

// Held tells which of some texts the plane holds at its tip: in force, as an
// issue, archived or proposed.
func (s *Store) Held(ctx context.Context, texts []Text) (map[Text]bool, error) {
	names := map[town.Kind][]string{}
	for _, t := range texts {
		names[t.Kind] = append(names[t.Kind], t.Name)
	}
	held := map[Text]bool{}
	err := s.db.View(ctx, func(tx *doltdb.Tx) error {
		for k, list := range names {
			parts, err := byName(ctx, tx, k, "", list)
			if err != nil {
				return err
			}
			for batch := range parts {
				if err := heldOf(ctx, tx, k, batch, held); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return held, err
}

func heldOf(ctx context.Context, tx *doltdb.Tx, k town.Kind, names []string, held map[Text]bool) error {
	err := eachByName(ctx, tx, k, "", names, func(r row) { held[Text{r.Key, r.Content()}] = true })
	if err != nil {
		return err
	}
	args := []any{string(k)}
	for _, n := range names {
		args = append(args, n)
	}
	where := " WHERE kind = ? AND name IN " + placeholders(len(names))
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		t := Text{Key: town.Key{Kind: k}}
		err := r.Scan(&t.Name, &t.Content)
		held[t] = true
		return err
	}, "SELECT name, digest FROM archive"+where, args...)
	if err != nil {
		return err
	}
	return tx.Each(ctx, func(r *doltdb.Rows) error {
		t := Text{Key: town.Key{Kind: k}}
		var text string
		err := r.Scan(&t.Name, &text)
		t.Content = town.ContentDigest(text)
		held[t] = true
		return err
	}, "SELECT name, text FROM proposals"+where, args...)
}

// Former counts, for each document, the texts of the plane that are not in force:
// archived ones, proposed ones, and superseded issues. They are published with the
// plane, so a preview shows their number.
func (s *Store) Former(ctx context.Context) (map[town.Key]int, error) {
	former := map[town.Key]int{}
	err := s.db.View(ctx, func(tx *doltdb.Tx) error {
		for _, q := range []string{
			"SELECT kind, name, COUNT(*) FROM archive GROUP BY kind, name",
			"SELECT kind, name, COUNT(*) FROM proposals WHERE NOT removal GROUP BY kind, name",
			`SELECT 'template', t.name, COUNT(*) FROM templates t WHERE NOT t.deleted AND EXISTS
				(SELECT 1 FROM templates l WHERE l.name = t.name AND l.version > t.version) GROUP BY t.name`,
		} {
			err := tx.Each(ctx, func(r *doltdb.Rows) error {
				var key town.Key
				var n int
				err := r.Scan(&key.Kind, &key.Name, &n)
				former[key] += n
				return err
			}, q)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return former, err
}
