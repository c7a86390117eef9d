package exchange

import (
	"context"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Merge merges the revision theirs, which CheckIncoming has passed with this
// Arrival. Rows of this Town stay as they are, except for those that it published
// itself (Arrival.Mine); rows of other Towns become as in theirs. It returns the new
// tip.
func (s *Store) Merge(ctx context.Context, base, ours, theirs, message string, a Arrival) (commit string, err error) {
	if base != ours {
		return s.db.Merge(ctx, doltdb.Merge{Theirs: theirs, Message: s.message(message), Resolve: func(ctx context.Context, tx *doltdb.Tx, tables []string) error {
			if err := s.resolve(ctx, tx, tables); err != nil {
				return err
			}
			return s.putBack(ctx, tx, ours, theirs, a)
		}})
	}
	if err := s.db.FastForward(ctx, theirs); err != nil {
		return "", err
	}
	commit, err = s.db.Update(ctx, s.message("put back records of this Town"), func(tx *doltdb.Tx) error { return s.putBack(ctx, tx, ours, theirs, a) })
	if commit == "" {
		commit = theirs
	}
	return commit, err
}

// resolve decides conflicts: each row becomes what its Town wrote. The engine
// leaves our side in place, so only rows of others are written.
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

// remove deletes the rows of other Towns that a query about conflicts selects,
// because theirs removed them.
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
	if table == "towns" {
		for part := range slices.Chunk(keys, batchRows) {
			var args []any
			for _, k := range part {
				args = append(args, k[1])
			}
			if _, err := tx.Exec(ctx, "DELETE FROM towns WHERE id IN ("+marks(len(part))+")", args...); err != nil {
				return err
			}
		}
		return nil
	}
	owned := map[string][]string{}
	for _, k := range keys {
		owned[k[0]] = append(owned[k[0]], k[1])
	}
	for owner, ids := range owned {
		if err := drop(ctx, tx, town.ID(owner), ids); err != nil {
			return err
		}
	}
	return nil
}

// putBack makes this Town's rows what they were at the revision ours, if somebody
// else changed some, and those that this Town published itself what they are in
// theirs. It works within the database, however many rows there are.
func (s *Store) putBack(ctx context.Context, tx *doltdb.Tx, ours, theirs string, a Arrival) error {
	asOf, err := doltdb.AsOf(ours)
	if err != nil {
		return err
	}
	for _, t := range []struct{ table, key, list string }{{"beads", "town", columns("")}, {"towns", "id", "id, name"}} {
		if t.table == "beads" && a.OursTotal == 0 {
			continue
		}
		if _, err := tx.Exec(ctx, "DELETE FROM "+t.table+" WHERE "+t.key+" = ?", string(s.Town)); err != nil {
			return err
		}
		copied := "INSERT INTO " + t.table + " (" + t.list + ") SELECT " + t.list + " FROM " + t.table + asOf + " WHERE " + t.key + " = ?"
		if _, err := tx.Exec(ctx, copied, string(s.Town)); err != nil {
			return err
		}
	}
	return s.takeMine(ctx, tx, theirs, a.Mine)
}

// takeMine makes records of this Town what they are in a revision. With the records of
// a Town that is not in the table of Towns here, it takes the Town's row there.
func (s *Store) takeMine(ctx context.Context, tx *doltdb.Tx, revision string, ids []string) error {
	asOf, err := doltdb.AsOf(revision)
	if err != nil || len(ids) == 0 {
		return err
	}
	if err := drop(ctx, tx, s.Town, ids); err != nil {
		return err
	}
	for part := range slices.Chunk(ids, batchRows) {
		args := []any{string(s.Town)}
		for _, id := range part {
			args = append(args, id)
		}
		copied := "INSERT INTO beads (" + columns("") + ") SELECT " + columns("") + " FROM beads" + asOf + " WHERE town = ? AND id IN (" + marks(len(part)) + ")"
		if _, err := tx.Exec(ctx, copied, args...); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, "INSERT IGNORE INTO towns (id, name) SELECT id, name FROM towns"+asOf+" WHERE id = ?", string(s.Town))
	return err
}

// Rewind moves the plane back to a commit that it contains. Later commits are
// lost, and no Push sends them.
func (s *Store) Rewind(ctx context.Context, to string) error { return s.db.Rewind(ctx, to) }

// PutApart commits rows that another program wrote into the plane without a commit,
// and leaves that commit on a branch of its own, which nothing sends. The caller
// takes the plane back to what was there before (Rewind). It returns "" when there
// are no such rows.
func (s *Store) PutApart(ctx context.Context) (branch string, err error) {
	commit, err := s.db.CommitOthers(ctx)
	if err != nil || commit == "" {
		return "", err
	}
	branch = "others-" + commit[:8]
	return branch, s.db.Keep(ctx, branch)
}
