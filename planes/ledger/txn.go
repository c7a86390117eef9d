package ledger

import (
	"context"
	"fmt"
	"sync/atomic"
	"unicode/utf8"

	"gastown/planes/doltdb"
	"gastown/town"
)

// txn is one transaction or consistent view. It counts every statement.
type txn struct {
	tx *doltdb.Tx
	n  *atomic.Int64
	// room is how many bytes of beads may still be read; nil for any number.
	room *int64
	// may is asked about what is written; nil for no restriction.
	may May
}

// collect takes room for what was read, and fails with ErrTooMuch when there is
// none left.
func (q txn) collect(bytes int64) error {
	if q.room == nil {
		return nil
	}
	if *q.room -= bytes; *q.room < 0 {
		return ErrTooMuch
	}
	return nil
}

func (q txn) each(ctx context.Context, scan func(*doltdb.Rows) error, query string, args ...any) error {
	if err := bound(args); err != nil {
		return err
	}
	q.n.Add(1)
	return q.tx.Each(ctx, scan, query, args...)
}

func (q txn) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := bound(args); err != nil {
		return 0, err
	}
	q.n.Add(1)
	return q.tx.Exec(ctx, query, args...)
}

// bound refuses text arguments that are not UTF-8. The database's own error would
// not say which value it is.
func bound(args []any) error {
	for _, a := range args {
		if text, ok := a.(string); ok && !utf8.ValidString(text) {
			return fmt.Errorf("%w: %q is not UTF-8", town.ErrBadBead, town.Clip(text, 40))
		}
	}
	return nil
}

func (s *Store) read(ctx context.Context, fn func(txn) error) error {
	return s.db.View(ctx, func(tx *doltdb.Tx) error {
		q := txn{tx: tx, n: &s.queries}
		if left := s.session.MaxText; left > 0 {
			q.room = &left
		}
		return fn(q)
	})
}

// write runs fn as one commit. fn may run again when another writer came first,
// so it starts from scratch each time.
func (s *Store) write(ctx context.Context, message string, fn func(txn) error) error {
	return s.alter(func() (bool, error) {
		_, err := s.db.Update(ctx, message, func(tx *doltdb.Tx) error { return fn(txn{tx: tx, n: &s.queries, may: s.session.may}) })
		// Also after an error: a commit whose answer was lost may stand.
		return true, err
	})
}
