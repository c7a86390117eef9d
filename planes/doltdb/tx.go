package doltdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town"
)

// Tx is one pinned session: a consistent view for View, a transaction for
// Update. It is not safe for concurrent use and not valid after its function
// returned.
type Tx struct {
	conn *sql.Conn
	// pooled sessions are used again, unless used says that a statement changed
	// something that the end of the transaction does not undo.
	pooled, used bool
	// locked are the server's locks that the session holds.
	locked []string
	// statements counts what callers sent.
	statements int
}

// Statements is how many statements were sent in this session so far.
func (tx *Tx) Statements() int { return tx.statements }

// mark counts a statement, and records whether it may change its session.
func (tx *Tx) mark(query string) {
	tx.statements++
	if tx.pooled && !tx.used && !harmlessPattern.MatchString(query) {
		tx.used = true
	}
}

// Rows is database/sql's.
type Rows = sql.Rows

// ErrNoRows is database/sql's.
var ErrNoRows = sql.ErrNoRows

// errCall refuses procedures and system variables in callers' SQL. Remotes,
// branches and commits belong to this package, and no statement from above may
// reach them. A system variable can make every commit of the process replicate
// to a remote.
var errCall = errors.New("statements outside doltdb may not call procedures or set system variables")

var callPattern = regexp.MustCompile(`(?i)@@|\b(call|prepare|execute|global|persist|persist_only)\b`)

func guard(query string) error {
	if callPattern.MatchString(query) {
		return errCall
	}
	return nil
}

// Exec runs a statement that returns no rows and reports how many it changed.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := guard(query); err != nil {
		return 0, err
	}
	tx.mark(query)
	res, err := tx.conn.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, fmt.Errorf("%w in %q", err, town.Clip(query, 120))
	}
	return res.RowsAffected()
}

// Query runs a statement that returns rows; close them before the next call.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	if err := guard(query); err != nil {
		return nil, err
	}
	tx.mark(query)
	rows, err := tx.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%w in %q", err, town.Clip(query, 120))
	}
	return rows, nil
}

// Row is the outcome of QueryRow.
type Row struct {
	row *sql.Row
	err error
}

// Scan copies the row's columns; ErrNoRows when there was none.
func (r Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	return r.row.Scan(dest...)
}

// QueryRow runs a statement that returns at most one row.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) Row {
	if err := guard(query); err != nil {
		return Row{err: err}
	}
	tx.mark(query)
	return Row{row: tx.conn.QueryRowContext(ctx, query, args...)}
}

// Each runs a query and calls scan for every row.
func (tx *Tx) Each(ctx context.Context, scan func(*Rows) error, query string, args ...any) error {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// View runs fn in one session. It changes nothing. Through a server, everything
// fn reads is of one snapshot.
func (db *Local) View(ctx context.Context, fn func(*Tx) error) (err error) {
	defer engine.Recovered("read the "+db.opts.name()+" database", &err)
	release, err := db.Hold()
	if err != nil {
		return err
	}
	defer release()
	if db.served() {
		return db.read(ctx, fn)
	}
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return fn(&Tx{conn: conn})
}

// Update runs fn in one transaction and commits it as one Dolt commit under
// message. When fn fails, nothing is changed. It returns the new commit, or ""
// when fn changed nothing. Updates of one database run one after the other, in
// whatever process; do not begin one within another. Rows that another program
// wrote without a commit get one of their own first; see CommitOthers.
//
// Through a server, fn may run again on a later state when a program other than
// gt changed the same rows. So it must have no effect except through its Tx, or
// begin each time from scratch. When the server goes away, the error is
// town.ErrBusy, and the caller must look up whether the change was made.
func (db *Local) Update(ctx context.Context, message string, fn func(*Tx) error) (commit string, err error) {
	defer engine.Recovered("write the "+db.opts.name()+" database", &err)
	err = db.transact(ctx, func(tx *Tx) error {
		if _, err := db.commitOthers(ctx, tx); err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		commit, err = db.commit(ctx, tx, message)
		return err
	})
	if err != nil {
		return "", err
	}
	return commit, nil
}

// transact runs fn between START TRANSACTION and either fn's own commit or a
// rollback.
func (db *Local) transact(ctx context.Context, fn func(*Tx) error) error {
	release, err := db.Hold()
	if err != nil {
		return err
	}
	defer release()
	deadline := db.deadline()
	return db.inTurn(ctx, deadline, func() error {
		defer db.opts.letRead()
		if db.served() {
			return db.retry(ctx, deadline, fn)
		}
		return db.transactHere(ctx, fn)
	})
}

func (db *Local) transactHere(ctx context.Context, fn func(*Tx) error) error {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, q := range []string{"SET autocommit = 0", "START TRANSACTION"} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	if err := fn(&Tx{conn: conn}); err != nil {
		// The rollback must happen even when ctx is what ended fn.
		if _, rerr := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); rerr != nil {
			err = errors.Join(err, rerr)
		}
		return err
	}
	return nil
}

// endTime is how much longer the statement that ends a transaction may take once
// its caller's context has ended.
const endTime = 5 * time.Second

// ending is the context for the statement that ends a transaction. A caller who
// gives up while it runs could not know whether the change was made, and might
// make it twice. So it ends only some time after ctx has, and fails at once if ctx
// has ended before.
func ending(ctx context.Context) (_ context.Context, end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(endTime):
			cancel()
		case <-last.Done():
		}
	})
	return last, func() { stop(); cancel() }, nil
}

// commit ends the transaction with a Dolt commit; it returns "" when nothing
// changed.
func (db *Local) commit(ctx context.Context, tx *Tx, message string) (string, error) {
	ctx, end, err := ending(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	if err := db.room(); err != nil {
		return "", err
	}
	var commit sql.NullString
	err = tx.conn.QueryRowContext(ctx, "CALL DOLT_COMMIT('-A', '--skip-empty', '-m', ?, '--author', ?)",
		message, db.opts.Actor.String()).Scan(&commit)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("commit to the %s database: %w", db.opts.name(), err)
	}
	return commit.String, nil
}

// Head is the commit at the tip of the database's one branch.
func (db *Local) Head(ctx context.Context) (head string, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		head, err = tx.Head(ctx)
		return err
	})
	return head, err
}

// Head is the commit the session reads.
func (tx *Tx) Head(ctx context.Context) (head string, err error) {
	err = tx.QueryRow(ctx, "SELECT HASHOF('HEAD')").Scan(&head)
	return head, err
}

var revisionPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}$`)

// AsOf is the clause that makes a table reference read a revision. The engine
// accepts no placeholder there, so the name is checked.
func AsOf(revision string) (string, error) {
	if !revisionPattern.MatchString(revision) {
		return "", fmt.Errorf("%q is not the name of a revision", town.Clip(revision, 80))
	}
	return " AS OF '" + revision + "'", nil
}
