package doltdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"net"
	"regexp"
	"time"

	"github.com/go-sql-driver/mysql"

	"gastown/planes/doltdb/internal/engine"
	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
)

const (
	// maxAttempts bounds how often a transaction is run that conflicts with
	// others. The write lock makes gt's own writers wait for each other;
	// conflicts come from programs that do not know the lock.
	maxAttempts = 10
	// minPause and maxPause bound the pause before the next attempt, and
	// between attempts to take the write lock.
	minPause, maxPause = time.Millisecond, 8 * time.Millisecond
	// lockPatience is how long one statement waits for a named lock.
	lockPatience = 5 * time.Second
	// tidyTimeout bounds the cleaning up of a session whose context has ended.
	tidyTimeout = 5 * time.Second
)

// harmlessPattern matches statements that change nothing in their session
// beyond the transaction. A session that ran any other statement is not used
// again.
var harmlessPattern = regexp.MustCompile(`(?i)^[\s(]*(select|insert|update|delete|replace|show|with|explain|describe)\b[^@]*$`)

// gone makes an error town.ErrBusy when the server went away. What was not
// committed has not happened; whether a commit has happened is unknown.
func gone(err error) error {
	if isMySQL(err, wire.ErrUnknownDatabase) {
		return town.Fail("use the database", "run the command again",
			"%w: the server does not find it any more, because its directory was moved or replaced: %w", town.ErrBusy, err)
	}
	if err == nil || !lost(err) || errors.Is(err, town.ErrBusy) {
		return err
	}
	return town.Fail("use the database", "run the command again",
		"%w: the server that has it stopped or was restarted: %w", town.ErrBusy, err)
}

// lost reports an error of the connection, as opposed to one of the statement.
func lost(err error) bool {
	var dialed *net.OpError
	return errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) ||
		isMySQL(err, wire.ErrServerShutdown) || errors.As(err, &dialed)
}

// read is View through a server: what fn reads is one snapshot.
func (db *Local) read(ctx context.Context, fn func(*Tx) error) error {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return gone(err)
	}
	tx := &Tx{conn: conn, pooled: true}
	defer tx.giveBack(ctx)
	return gone(engine.Classify(fn(tx)))
}

// administer runs fn in a session of its own in which every statement commits.
// Procedures that move branches or copy commits expect that.
func (db *Local) administer(ctx context.Context, fn func(*Tx) error) error {
	release, err := db.Hold()
	if err != nil {
		return err
	}
	defer release()
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return gone(err)
	}
	defer db.opts.letRead()
	tx := &Tx{conn: conn}
	if !db.served() {
		defer conn.Close()
		return fn(tx)
	}
	defer tx.discard()
	if _, err := conn.ExecContext(ctx, "SET autocommit = 1"); err != nil {
		return gone(err)
	}
	return gone(engine.Classify(fn(tx)))
}

// retry runs a transaction on the server, and again while it conflicts with
// others.
func (db *Local) retry(ctx context.Context, deadline time.Time, fn func(*Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := db.attempt(ctx, deadline, fn)
		if !isMySQL(err, wire.ErrLockDeadlock) {
			return gone(engine.Classify(err))
		}
		if attempt == maxAttempts {
			return town.Fail("write the "+db.opts.name()+" database", "run the command again",
				"%w: another program changes the same rows all the time: %w", town.ErrBusy, err)
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (db *Local) attempt(ctx context.Context, deadline time.Time, fn func(*Tx) error) error {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	tx := &Tx{conn: conn, pooled: true}
	defer tx.giveBack(ctx)
	if err := tx.lock(ctx, db.opts, deadline, wire.WriteLock(db.opts.name())); err != nil {
		return err
	}
	// A new transaction, because the one that waited for the lock has an old
	// snapshot.
	if _, err := conn.ExecContext(ctx, "START TRANSACTION"); err != nil {
		return err
	}
	return fn(tx)
}

// giveBack ends what the session began and returns it to the pool. It closes a
// session that may differ from a new one.
func (tx *Tx) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
	defer cancel()
	for _, name := range tx.locked {
		if _, err := tx.conn.ExecContext(ctx, wire.ReleaseLock, name); err != nil {
			tx.used = true
		}
	}
	if !tx.used {
		if _, err := tx.conn.ExecContext(ctx, "ROLLBACK"); err == nil {
			_ = tx.conn.Close() // returns it; there is nothing to fail
			return
		}
	}
	tx.discard()
}

// discard closes the session's connection. Its locks and its transaction end
// with it.
func (tx *Tx) discard() {
	_ = tx.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = tx.conn.Close()
}

// pause waits longer with each attempt, by a random part.
func pause(ctx context.Context, attempt int) error {
	limit := min(minPause<<min(attempt, 10), maxPause)
	timer := time.NewTimer(minPause/2 + rand.N(limit))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
