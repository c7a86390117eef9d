package doltdb

import (
	"context"

	"gastown/planes/doltdb/internal/engine"
)

// Write runs fn in one transaction that ends without a Dolt commit: for state
// that changes all the time and needs no history. What it writes is durable,
// and stays in no commit. Do not use Update in the same database, which would take
// it for another program's. When fn
// fails, nothing is changed. fn may run again where Update's may.
func (db *Local) Write(ctx context.Context, fn func(*Tx) error) (err error) {
	defer engine.Recovered("write the "+db.opts.name()+" database", &err)
	return db.transact(ctx, func(tx *Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		ctx, end, err := ending(ctx)
		if err != nil {
			return err
		}
		defer end()
		_, err = tx.conn.ExecContext(ctx, "COMMIT")
		return err
	})
}
