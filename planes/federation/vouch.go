package federation

import (
	"context"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Vouch has this Town stand for the documents and issues that nobody has signed, such as
// those from before Towns signed: it gives each a rank at its own revision. They keep
// the Town and the author that they name, and other Towns take them. It returns how many
// there were.
func (s *Store) Vouch(ctx context.Context) (n int, err error) {
	_, err = s.db.Update(ctx, "stand for what nobody signed", func(tx *doltdb.Tx) error {
		n = 0
		c := s.newChangeset()
		for _, k := range town.Kinds {
			if err := s.vouchKind(ctx, tx, k, c); err != nil {
				return err
			}
		}
		n = len(c.ranks)
		return c.write(ctx, tx)
	})
	return n, err
}

func (s *Store) vouchKind(ctx context.Context, tx *doltdb.Tx, k town.Kind, c *changeset) error {
	var list []town.Edit // without their texts
	var rows []signedBy
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		e, err := scanEdit(r, k)
		if err == nil && e.intact() {
			rows = append(rows, signedBy{statement(e.Edit), e.Town})
			e.Text = ""
			list = append(list, e.Edit)
		}
		return err
	}, "SELECT "+columns(k)+" FROM "+rowTable(k))
	if err != nil {
		return err
	}
	signed, err := signaturesOf(ctx, tx, "", rows)
	if err != nil {
		return err
	}
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name
	}
	stood, err := s.levelsOf(ctx, tx, k, "", names)
	if err != nil {
		return err
	}
	for i, e := range list {
		at := rows[i]
		if _, ok := signed[at]; !ok && stood[e.Name][at.statement].Level == 0 {
			c.stand(e.Key, at.statement, max(e.Revision, 1))
		}
	}
	return nil
}
