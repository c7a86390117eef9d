package exchange

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Merge brings the revision theirs, which CheckIncoming has passed, into the
// branch. Rows of this Town stay what they are, whatever theirs says; rows of
// other Towns become what theirs says. It returns the new tip.
func (s *Store) Merge(ctx context.Context, base, ours, theirs, message string) (commit string, err error) {
	if base != ours {
		return s.Shared.Merge(ctx, doltdb.Merge{Theirs: theirs, Message: message, Resolve: func(ctx context.Context, tx *doltdb.Tx, tables []string) error {
			if err := s.resolve(ctx, tx, tables); err != nil {
				return err
			}
			return s.putBack(ctx, tx, ours)
		}})
	}
	if err := s.FastForward(ctx, theirs); err != nil {
		return "", err
	}
	commit, err = s.Update(ctx, "put back records of this Town", func(tx *doltdb.Tx) error { return s.putBack(ctx, tx, ours) })
	if commit == "" {
		commit = theirs
	}
	return commit, err
}

// resolve answers conflicts: each row is its Town's. The engine has left our
// side in place, so only rows of others are written.
func (s *Store) resolve(ctx context.Context, tx *doltdb.Tx, tables []string) error {
	for _, table := range tables {
		key, list := "town", rowColumns
		switch table {
		case "beads":
		case "towns":
			key, list = "id", []string{"id", "name"}
		default:
			return town.Fail("merge the exchange", "nothing was changed; settle it with the Town that wrote the other side",
				"%w: table %s", doltdb.ErrConflict, table)
		}
		foreign := " FROM dolt_conflicts_" + table + " WHERE COALESCE(our_" + key + ", their_" + key + ", base_" + key + ") <> ? AND their_" + key
		query := "REPLACE INTO " + table + " (" + strings.Join(list, ", ") + ") SELECT their_" + strings.Join(list, ", their_") + foreign + " IS NOT NULL"
		if _, err := tx.Exec(ctx, query, string(s.Town)); err != nil {
			return err
		}
		if err := s.remove(ctx, tx, table, "SELECT our_"+key+", our_id"+foreign+" IS NULL"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM dolt_conflicts_"+table); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes the rows of other Towns that a query about conflicts selects:
// theirs has removed them.
func (s *Store) remove(ctx context.Context, tx *doltdb.Tx, table, query string) error {
	var keys [][2]string
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		var k [2]string
		err := r.Scan(&k[0], &k[1])
		keys = append(keys, k)
		return err
	}, query, string(s.Town))
	if err != nil {
		return err
	}
	for _, k := range keys {
		if table == "towns" {
			_, err = tx.Exec(ctx, "DELETE FROM towns WHERE id = ?", k[1])
		} else {
			_, err = tx.Exec(ctx, "DELETE FROM beads WHERE town = ? AND id = ?", k[0], k[1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// putBack makes this Town's rows what they are at a revision.
func (s *Store) putBack(ctx context.Context, tx *doltdb.Tx, revision string) error {
	want, err := own(ctx, tx, revision, s.Town)
	if err != nil {
		return err
	}
	have, err := own(ctx, tx, "", s.Town)
	if err != nil {
		return err
	}
	var rows []row
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if r, ok := have[id]; !ok || !r.equal(want[id]) {
			rows = append(rows, want[id])
		}
	}
	if err := write(ctx, tx, rows); err != nil {
		return err
	}
	for id := range have {
		if _, ok := want[id]; !ok {
			if _, err := tx.Exec(ctx, "DELETE FROM beads WHERE town = ? AND id = ?", string(s.Town), id); err != nil {
				return err
			}
		}
	}
	asOf, err := doltdb.AsOf(revision)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM towns WHERE id = ?", string(s.Town)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO towns (id, name) SELECT id, name FROM towns"+asOf+" WHERE id = ?", string(s.Town))
	return err
}
