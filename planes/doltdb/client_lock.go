package doltdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
)

// lock takes a named lock of the server for the session. This program's Server
// queues the sessions that ask for it. Another server is asked repeatedly instead:
// a statement that waited in it would keep it from collecting garbage.
func (tx *Tx) lock(ctx context.Context, opts Options, deadline time.Time, name string) (err error) {
	defer func() {
		if err != nil {
			tx.used = true // a server may think that it is still this session's turn
		}
	}()
	defer opts.waits(func() string { return "other clients of the server write, or hold it" })()
	for n := 1; ; n++ {
		patience := 0 // in seconds
		if opts.External == nil {
			patience = int(min(max(time.Until(deadline), 0), lockPatience) / time.Second)
		}
		var got sql.NullInt64
		err := tx.conn.QueryRowContext(ctx, wire.GetLock, name, patience).Scan(&got)
		if err != nil && !isMySQL(err, wire.ErrLockWaitTimeout) {
			return err
		}
		if got.Int64 == 1 {
			tx.locked = append(tx.locked, name)
			return nil
		}
		if time.Now().After(deadline) {
			return town.Fail("write the "+opts.name()+" database", "wait for it to finish, then run the command again",
				"%w: another client of the server holds it (waited %s)", town.ErrBusy, opts.Wait)
		}
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

// hold is a session whose lock keeps other users of a shared database out.
type hold struct{ tx *Tx }

// holdShared waits until no other client of the server, on any machine, has the
// database open as a shared one.
func (db *Local) holdShared(ctx context.Context) error {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return gone(err)
	}
	tx := &Tx{conn: conn}
	if err := tx.lock(ctx, db.opts, db.deadline(), wire.SharedLock(db.opts.name())); err != nil {
		tx.discard()
		return gone(fmt.Errorf("open the %s database: %w", db.opts.name(), err))
	}
	// The lock must stay, the transaction need not.
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		tx.discard()
		return gone(err)
	}
	db.hold = &hold{tx: tx}
	return nil
}

func (h *hold) end() error {
	if h != nil {
		h.tx.discard()
	}
	return nil
}

// exclusively runs fn while no other gt writes this database.
func (db *Local) exclusively(ctx context.Context, fn func() error) error {
	deadline := db.deadline()
	return db.inTurn(ctx, deadline, func() error {
		if db.served() {
			return db.exclusivelyOnServer(ctx, deadline, fn)
		}
		return fn()
	})
}

func (db *Local) exclusivelyOnServer(ctx context.Context, deadline time.Time, fn func() error) error {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return gone(err)
	}
	tx := &Tx{conn: conn, pooled: true}
	defer tx.giveBack(ctx)
	if err := tx.lock(ctx, db.opts, deadline, wire.WriteLock(db.opts.name())); err != nil {
		return gone(err)
	}
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		return gone(err)
	}
	return fn()
}
