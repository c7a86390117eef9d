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

// Texts is every text the plane holds at its tip: in force, as an issue,
// archived or proposed. It reads everything, so it is for the rare case that a
// file's past cannot be told from commits.
func (s *Store) Texts(ctx context.Context) (map[Text]bool, error) {
	held := map[Text]bool{}
	err := s.View(ctx, func(tx *doltdb.Tx) error {
		for _, q := range []string{
			"SELECT 'role', name, text FROM roles", "SELECT 'formula', name, text FROM formulas",
			"SELECT 'template', name, text FROM templates WHERE NOT deleted", "SELECT kind, name, text FROM proposals WHERE NOT removal",
		} {
			err := tx.Each(ctx, func(r *doltdb.Rows) error {
				var t Text
				var text string
				err := r.Scan(&t.Kind, &t.Name, &text)
				t.Content = town.ContentDigest(text)
				held[t] = true
				return err
			}, q)
			if err != nil {
				return err
			}
		}
		return tx.Each(ctx, func(r *doltdb.Rows) error {
			var t Text
			err := r.Scan(&t.Kind, &t.Name, &t.Content)
			held[t] = true
			return err
		}, "SELECT kind, name, digest FROM archive")
	})
	return held, err
}
