package exchange

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/share"
	"gastown/town"
)

// batchRows is how many rows one statement deletes at most.
const batchRows = 500

// Own returns the digest of each record of this Town in the exchange, by id.
// The digest is "" for a record whose content does not match it. revision "" is
// the tip.
func (s *Store) Own(ctx context.Context, revision string) (map[string]town.Digest, error) {
	digests := map[string]town.Digest{}
	err := s.db.View(ctx, func(tx *doltdb.Tx) error {
		clear(digests)
		return own(ctx, tx, revision, s.Town, func(r row) {
			digests[r.ID] = ""
			if r.stored == r.Digest(s.Town) {
				digests[r.ID] = r.stored
			}
		})
	})
	return digests, err
}

// Publish writes records of this Town and removes others, in one commit. name
// is the Town's; other Towns see it as long as the Town shares anything. Every
// record must pass its Check. It returns "" when there was nothing to do.
func (s *Store) Publish(ctx context.Context, name string, put []share.Record, remove []string) (commit string, err error) {
	for _, r := range put {
		if err := r.Check(); err != nil {
			return "", err
		}
	}
	return s.db.Update(ctx, s.message(publishedBy+name), func(tx *doltdb.Tx) error {
		if err := drop(ctx, tx, s.Town, remove); err != nil {
			return err
		}
		rows := make([]row, len(put))
		for i, r := range put {
			rows[i] = row{town: s.Town, Record: r}
		}
		if err := write(ctx, tx, rows); err != nil {
			return err
		}
		return s.register(ctx, tx, name)
	})
}

// Named reports whether the table of Towns has this Town under the name, as long as it
// shares anything.
func (s *Store) Named(ctx context.Context, name string) (named bool, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		var records, rows int
		err := tx.QueryRow(ctx, "SELECT (SELECT COUNT(*) FROM beads WHERE town = ?), (SELECT COUNT(*) FROM towns WHERE id = ? AND name = ?)",
			string(s.Town), string(s.Town), name).Scan(&records, &rows)
		named = records == 0 || rows == 1
		return err
	})
	return named, err
}

// drop deletes rows of a Town.
func drop(ctx context.Context, tx *doltdb.Tx, owner town.ID, ids []string) error {
	for part := range slices.Chunk(ids, batchRows) {
		args := []any{string(owner)}
		for _, id := range part {
			args = append(args, id)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM beads WHERE town = ? AND id IN ("+marks(len(part))+")", args...); err != nil {
			return err
		}
	}
	return nil
}

// register adds the Town to the table of Towns with its first record, and
// removes it with its last.
func (s *Store) register(ctx context.Context, tx *doltdb.Tx, name string) error {
	var n int
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM beads WHERE town = ?", string(s.Town)).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		_, err := tx.Exec(ctx, "DELETE FROM towns WHERE id = ?", string(s.Town))
		return err
	}
	var known string
	err := tx.QueryRow(ctx, "SELECT name FROM towns WHERE id = ?", string(s.Town)).Scan(&known)
	if err != nil && !errors.Is(err, doltdb.ErrNoRows) || err == nil && known == name {
		return err
	}
	_, err = tx.Exec(ctx, "REPLACE INTO towns (id, name) VALUES (?, ?)", string(s.Town), name)
	return err
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// write puts rows in the order of their key.
func write(ctx context.Context, tx *doltdb.Tx, rows []row) error {
	rows = slices.SortedFunc(slices.Values(rows), func(a, b row) int { return strings.Compare(a.ID, b.ID) })
	into := doltdb.Into{Mode: doltdb.Replace, Table: "beads", Columns: columns("")}
	_, err := tx.WriteRows(ctx, into, func(yield func([]any) bool) {
		for _, r := range rows {
			if !yield(r.values()) {
				return
			}
		}
	})
	return err
}
