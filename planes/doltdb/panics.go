package doltdb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/sirupsen/logrus"

	"gastown/town"
)

// The engine panics on some input. database/sql holds a lock while it calls the
// driver, so a panic that passes through it would hang the deferred Close. The
// wrappers below turn it into an error on the driver's side of that lock.

type guardedConnector struct {
	driver.Connector
	dir string // what the connector opens lies below it
}

func (g guardedConnector) Connect(ctx context.Context) (_ driver.Conn, err error) {
	defer contain(&err)
	conn, err := g.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	failSoftly(g.dir)
	return guardedConn{Conn: conn, dolt: conn.(doltConn)}, nil
}

// doltConn is what the driver's connection can do beyond driver.Conn.
type doltConn interface {
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
}

type guardedConn struct {
	driver.Conn
	dolt doltConn
}

func (g guardedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (_ driver.Result, err error) {
	defer contain(&err)
	return g.dolt.ExecContext(ctx, query, args)
}

func (g guardedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (_ driver.Rows, err error) {
	defer contain(&err)
	rows, err := g.dolt.QueryContext(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return guardedRows{Rows: rows, ctx: ctx}, nil
}

func (g guardedConn) Ping(ctx context.Context) (err error) {
	defer contain(&err)
	return g.dolt.Ping(ctx)
}

// ResetSession keeps sessions from being reused: each carries its own state.
func (g guardedConn) ResetSession(context.Context) error { return driver.ErrBadConn }

type guardedRows struct {
	driver.Rows
	ctx context.Context // of the query, which its rows may need to read more
}

// wrapped is a long value, which the engine stores apart from its row and the
// driver hands out unread.
type wrapped interface {
	UnwrapAny(context.Context) (any, error)
}

func (g guardedRows) Next(dest []driver.Value) (err error) {
	defer contain(&err)
	if err := g.Rows.Next(dest); err != nil {
		return err
	}
	for i, v := range dest {
		if w, ok := v.(wrapped); ok {
			if dest[i], err = w.UnwrapAny(g.ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// contain turns a panic into an error, and gives any error of the engine its kind.
func contain(err *error) {
	p := recover()
	if p == nil {
		if *err != nil && *err != io.EOF {
			*err = kindly(*err)
		}
		return
	}
	logrus.StandardLogger().WithField("stack", string(debug.Stack())).Debug("the database engine panicked")
	*err = fmt.Errorf("the database engine stopped unexpectedly: %s", town.Clip(fmt.Sprint(p), 300))
}

// recovered does the same for engine code that is called directly.
func recovered(op string, err *error) {
	if p := recover(); p != nil {
		*err = town.Fail(op, "nothing was changed; report it together with the command",
			"the database engine stopped unexpectedly: %s", town.Clip(fmt.Sprint(p), 300))
	}
}
