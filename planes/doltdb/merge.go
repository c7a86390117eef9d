package doltdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town"
)

// Merge says what Shared.Merge is to do.
type Merge struct {
	// Theirs is the revision to merge into the database's branch.
	Theirs string
	// Message is the merge commit's.
	Message string
	// Resolve is called within the transaction, after the engine has merged
	// what it could. For every row of dolt_conflicts_<table> it writes the row
	// that is to stand and deletes the conflict. It may change other rows too.
	// A conflict that is left stops the merge.
	Resolve func(ctx context.Context, tx *Tx, tables []string) error
}

// ErrConflict reports a merge that stopped and changed nothing, because rows or
// schemas conflict and no rule decides.
var ErrConflict = errors.New("changed on both sides, and no rule decides")

// FastForward moves the database's branch to a revision that contains it. It fails
// with ErrUncommitted as Merge does.
func (db *Shared) FastForward(ctx context.Context, to string) (err error) {
	defer engine.Recovered("advance the "+db.opts.name()+" database", &err)
	return db.exclusively(ctx, func() error {
		return db.administer(ctx, func(tx *Tx) error {
			if err := tx.onlyCommitted(ctx); err != nil {
				return err
			}
			return tx.call(ctx, "CALL DOLT_MERGE('--ff-only', ?)", to)
		})
	})
}

// Keep gives the tip a branch of its own, which no Push sends and no Rewind moves.
func (db *Shared) Keep(ctx context.Context, branch string) (err error) {
	defer engine.Recovered("name a commit of the "+db.opts.name()+" database", &err)
	return db.administer(ctx, func(tx *Tx) error { return tx.call(ctx, "CALL DOLT_BRANCH('-f', ?, 'HEAD')", branch) })
}

// Rewind moves the database's branch, and its tables, back to a revision that
// it contains. Later commits become garbage, and no Push sends them. It fails with
// ErrUncommitted as Merge does.
func (db *Shared) Rewind(ctx context.Context, to string) (err error) {
	defer engine.Recovered("rewind the "+db.opts.name()+" database", &err)
	return db.exclusively(ctx, func() error {
		return db.administer(ctx, func(tx *Tx) error {
			if err := tx.onlyCommitted(ctx); err != nil {
				return err
			}
			return tx.call(ctx, "CALL DOLT_RESET('--hard', ?)", to)
		})
	})
}

// AdoptEqual moves the database's branch to a revision with exactly the same rows,
// whatever commits the two have. adopted is false, and nothing has changed, if rows
// differ, those without a commit included. Rows that another program writes
// meanwhile stay, without a commit.
func (db *Shared) AdoptEqual(ctx context.Context, to string) (adopted bool, err error) {
	defer engine.Recovered("advance the "+db.opts.name()+" database", &err)
	err = db.exclusively(ctx, func() error {
		return db.administer(ctx, func(tx *Tx) error {
			var differ int
			err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM dolt_diff_summary(?, 'WORKING')", to).Scan(&differ)
			if err != nil || differ > 0 {
				return err
			}
			adopted = true
			return tx.call(ctx, "CALL DOLT_RESET('--soft', ?)", to)
		})
	})
	return adopted && err == nil, err
}

// Merge merges a revision in one transaction and returns the merge commit. It fails
// with ErrUncommitted when another program has written rows since CommitOthers.
func (db *Shared) Merge(ctx context.Context, m Merge) (commit string, err error) {
	op := "merge into the " + db.opts.name() + " database"
	defer engine.Recovered(op, &err)
	err = db.transact(ctx, func(tx *Tx) error {
		if err := tx.onlyCommitted(ctx); err != nil {
			return err
		}
		tx.used = true // by the variables
		for _, q := range []string{"SET @@dolt_allow_commit_conflicts = 1", "SET @@dolt_force_transaction_commit = 0"} {
			if _, err := tx.conn.ExecContext(ctx, q); err != nil {
				return err
			}
		}
		if err := tx.call(ctx, "CALL DOLT_MERGE('--no-ff', '--no-commit', ?)", m.Theirs); err != nil {
			return town.Fail(op, "ask who changed the schema; nothing was changed here", "%w: %w", ErrConflict, err)
		}
		tables, err := tx.conflicted(ctx)
		if err != nil {
			return err
		}
		if err := m.Resolve(ctx, tx, tables); err != nil {
			return err
		}
		if err := tx.unresolved(ctx, op); err != nil {
			return err
		}
		commit, err = db.commitMerge(ctx, tx, m.Message)
		return err
	})
	if err != nil {
		return "", err
	}
	return commit, nil
}

// commitMerge commits even when no row changed: the commit then records that
// both histories are contained.
func (db *Local) commitMerge(ctx context.Context, tx *Tx, message string) (commit string, err error) {
	ctx, end, err := ending(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	err = tx.conn.QueryRowContext(ctx, "CALL DOLT_COMMIT('-A', '--allow-empty', '-m', ?, '--author', ?)",
		message, db.opts.Actor.String()).Scan(&commit)
	if err != nil {
		return "", fmt.Errorf("commit the merge to the %s database: %w", db.opts.name(), err)
	}
	return commit, nil
}

func (tx *Tx) conflicted(ctx context.Context) (tables []string, err error) {
	err = tx.Each(ctx, func(r *sql.Rows) error {
		var name string
		tables = append(tables, "")
		err := r.Scan(&name)
		tables[len(tables)-1] = name
		return err
	}, "SELECT `table` FROM dolt_conflicts WHERE num_conflicts > 0")
	slices.Sort(tables)
	return tables, err
}

func (tx *Tx) unresolved(ctx context.Context, op string) error {
	for _, q := range []string{
		"SELECT `table` FROM dolt_conflicts WHERE num_conflicts > 0",
		"SELECT table_name FROM dolt_schema_conflicts",
		"SELECT `table` FROM dolt_constraint_violations",
	} {
		var table string
		switch err := tx.QueryRow(ctx, q).Scan(&table); {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		default:
			return town.Fail(op, "nothing was changed; upgrade gt, or settle it with whoever wrote it",
				"%w: table %s", ErrConflict, table)
		}
	}
	return nil
}
