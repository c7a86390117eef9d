package federation

import (
	"context"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Member is a Town in the federation's registry.
type Member struct {
	ID       town.ID `json:"id"`
	Name     string  `json:"name"`
	Revision uint64  `json:"revision"`
}

// Towns lists the registry by name.
func (s *Store) Towns(ctx context.Context) (members []Member, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		return tx.Each(ctx, func(r *doltdb.Rows) error {
			var m Member
			err := r.Scan(&m.ID, &m.Name, &m.Revision)
			members = append(members, m)
			return err
		}, "SELECT id, name, revision FROM towns ORDER BY name, id")
	})
	return members, err
}

// Register enters this Town in the registry, or renames it there. The commit is
// empty when the entry was right already.
func (s *Store) Register(ctx context.Context, name string) (commit string, err error) {
	return s.db.Update(ctx, "register Town "+name, func(tx *doltdb.Tx) error { return s.register(ctx, tx, name) })
}

func (s *Store) register(ctx context.Context, tx *doltdb.Tx, name string) error {
	var known string
	var revision uint64
	err := tx.QueryRow(ctx, "SELECT name, revision FROM towns WHERE id = ?", string(s.Town)).Scan(&known, &revision)
	if err == doltdb.ErrNoRows {
		err = nil
	}
	if err != nil || known == name {
		return err
	}
	return write(ctx, tx, doltdb.Replace, "towns", "id, name, revision", [][]any{{string(s.Town), name, revision + 1}})
}
