package doltdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gastown/planes/doltdb/internal/engine"
	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
)

// Uncommitted is the author of rows that a program wrote without a Dolt commit. The
// database does not say whose session wrote them.
var Uncommitted = town.Actor{Name: "uncommitted rows", Email: "writer-unknown@localhost"}

// uncommittedMessage is the message of the commit with such rows.
const uncommittedMessage = "rows that another program wrote and did not commit"

// ErrUncommitted reports rows that another program wrote after CommitOthers. The
// caller calls that again, and repeats what it did since.
var ErrUncommitted = fmt.Errorf("another program has just written rows without a commit: %w", town.ErrBusy)

// CommitOthers commits the rows that other programs wrote without a Dolt commit, as
// a commit of their own by Uncommitted. It returns "" when there are none. Update
// does so by itself. Do not use it in a database that is filled with Write.
func (db *Local) CommitOthers(ctx context.Context) (commit string, err error) {
	defer engine.Recovered("write the "+db.opts.name()+" database", &err)
	var there bool
	err = db.View(ctx, func(tx *Tx) error {
		there, err = tx.uncommitted(ctx)
		return err
	})
	if err != nil || !there {
		return "", err
	}
	err = db.transact(ctx, func(tx *Tx) error {
		commit, err = db.commitOthers(ctx, tx)
		return err
	})
	return commit, err
}

// uncommitted reports whether the session sees rows that no commit has.
func (tx *Tx) uncommitted(ctx context.Context) (there bool, err error) {
	err = tx.QueryRow(ctx, "SELECT dolt_hashof_db('HEAD') <> dolt_hashof_db('WORKING')").Scan(&there)
	return there, err
}

// commitOthers is CommitOthers within a transaction that has written nothing yet. It
// leaves the session in a new transaction.
func (db *Local) commitOthers(ctx context.Context, tx *Tx) (commit string, err error) {
	there, err := tx.uncommitted(ctx)
	if err != nil || !there {
		return "", err
	}
	return db.commitAside(ctx, tx, "'-A', ")
}

// commitOthersOf is commitOthers for some tables; what is in others stays.
func (db *Local) commitOthersOf(ctx context.Context, tx *Tx, tables []string) error {
	there := false
	err := tx.Each(ctx, func(r *Rows) error {
		var from, to sql.NullString
		err := r.Scan(&from, &to)
		there = there || slices.Contains(tables, from.String) || slices.Contains(tables, to.String)
		return err
	}, "SELECT from_table_name, to_table_name FROM dolt_diff_summary('HEAD', 'WORKING')")
	if err != nil || !there {
		return err
	}
	for _, table := range tables {
		if err := tx.call(ctx, "CALL DOLT_ADD(?)", table); err != nil {
			return fmt.Errorf("stage the table %s: %w", table, err)
		}
	}
	_, err = db.commitAside(ctx, tx, "")
	return err
}

// commitAside commits what others wrote, and begins a new transaction. all is the
// option that stages every table, as SQL, or empty.
func (db *Local) commitAside(ctx context.Context, tx *Tx, all string) (string, error) {
	ctx, end, err := ending(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	var commit sql.NullString
	err = tx.conn.QueryRowContext(ctx, "CALL DOLT_COMMIT("+all+"'--skip-empty', '-m', ?, '--author', ?)",
		uncommittedMessage, Uncommitted.String()).Scan(&commit)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		if isMySQL(err, wire.ErrLockDeadlock) || ctx.Err() != nil {
			return "", err
		}
		return "", town.Fail("commit the rows that another program wrote into the "+db.opts.name()+" database",
			"look with: dolt status, in "+db.opts.Dir+", and finish there what was begun with dolt", "%w", err)
	}
	_, err = tx.conn.ExecContext(ctx, "START TRANSACTION")
	return commit.String, err
}

// onlyCommitted fails with ErrUncommitted when the session sees rows that no commit
// has.
func (tx *Tx) onlyCommitted(ctx context.Context) error {
	there, err := tx.uncommitted(ctx)
	if err == nil && there {
		err = ErrUncommitted
	}
	return err
}
