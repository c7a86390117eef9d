package doltdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gastown/planes/doltdb/internal/engine"
)

// UpdateTables is Update, but the commit takes only the named tables. What fn
// or an earlier Write changed in other tables is as durable, and stays outside
// of history: use it in a database where Write fills tables whose past is worth
// nothing, so that no commit retains that past. No Write may fill the named tables:
// what they hold beside their last commit was written by another program, and gets
// a commit of its own first.
func (db *Local) UpdateTables(ctx context.Context, message string, tables []string, fn func(*Tx) error) (commit string, err error) {
	defer engine.Recovered("write the "+db.opts.name()+" database", &err)
	err = db.transact(ctx, func(tx *Tx) error {
		if err := db.commitOthersOf(ctx, tx, tables); err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		for _, table := range tables {
			if err := tx.call(ctx, "CALL DOLT_ADD(?)", table); err != nil {
				return fmt.Errorf("stage the table %s: %w", table, err)
			}
		}
		commit, err = db.commitStaged(ctx, tx, message)
		return err
	})
	if err != nil {
		return "", err
	}
	return commit, nil
}

// commitStaged ends the transaction with a Dolt commit of what is staged, or
// without one, and then returns "", when nothing is.
func (db *Local) commitStaged(ctx context.Context, tx *Tx, message string) (string, error) {
	ctx, end, err := ending(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	var commit sql.NullString
	err = tx.conn.QueryRowContext(ctx, "CALL DOLT_COMMIT('--skip-empty', '-m', ?, '--author', ?)",
		message, db.opts.Actor.String()).Scan(&commit)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("commit to the %s database: %w", db.opts.name(), err)
	}
	if commit.String == "" {
		_, err := tx.conn.ExecContext(ctx, "COMMIT")
		return "", err
	}
	return commit.String, nil
}
