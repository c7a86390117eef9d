package ledger

import (
	"context"
	"errors"
	"fmt"

	"gastown/planes/doltdb"
	"gastown/town"
)

// ErrRevision reports that the ledger has no such commit, or several.
var ErrRevision = errors.New("no one commit of the ledger")

// GetAsOf returns beads as they were at a commit of the database, without what is
// stored in other tables, in the order asked for. A unique beginning of the commit
// is enough, and ids are full ones. It takes two queries. When ids were unknown
// then, the BatchError has an UnknownError for each.
func (s *Store) GetAsOf(ctx context.Context, ids []string, commit string) ([]town.Bead, error) {
	found := map[string]town.Bead{}
	cols := Fields(nil).columns()
	err := s.read(ctx, func(q txn) error {
		full, err := q.commit(ctx, commit)
		if err != nil {
			return err
		}
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var b town.Bead
			var dest []any
			for _, c := range cols {
				dest = append(dest, c.into(&b))
			}
			err := rows.Scan(dest...)
			found[b.ID] = b
			return err
		}, "SELECT "+names("", cols)+" FROM dolt_history_issues WHERE commit_hash = ? AND id IN ("+marks(len(ids))+")", append([]any{full}, anys(ids)...)...)
	})
	if err != nil {
		return nil, err
	}
	var all []town.Bead
	var bad batch
	for i, id := range ids {
		b, ok := found[id]
		if !ok {
			bad.add(i, 0, id, &UnknownError{ID: id})
		}
		all = append(all, b)
	}
	return all, bad.err()
}

// commit returns the full hash of the commit that a text begins.
func (q txn) commit(ctx context.Context, text string) (full string, err error) {
	n := 0
	err = q.each(ctx, func(rows *doltdb.Rows) error {
		n++
		return rows.Scan(&full)
	}, "SELECT commit_hash FROM dolt_log WHERE commit_hash LIKE ? LIMIT 2", like(text)+"%")
	if err == nil && n != 1 {
		err = fmt.Errorf("%w begins with %q", ErrRevision, town.Clip(text, 80))
	}
	return full, err
}
