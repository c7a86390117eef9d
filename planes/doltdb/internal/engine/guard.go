package engine

import (
	"context"
	"database/sql/driver"
)

// Guard wraps a connector of the engine's driver. The engine panics on some
// input, and database/sql holds a lock while it calls the driver, so a panic that
// passed through it would hang the deferred Close. The wrappers turn it into an
// error on the driver's side of that lock. What the connector opens lies below
// dir.
func Guard(c driver.Connector, dir string) driver.Connector { return guardedConnector{c, dir} }

type guardedConnector struct {
	driver.Connector
	dir string
}

func (g guardedConnector) Connect(ctx context.Context) (_ driver.Conn, err error) {
	defer Contain(&err)
	conn, err := g.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	FailSoftly(g.dir)
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
	defer Contain(&err)
	return g.dolt.ExecContext(ctx, query, args)
}

func (g guardedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (_ driver.Rows, err error) {
	defer Contain(&err)
	rows, err := g.dolt.QueryContext(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return guardedRows{Rows: rows, ctx: ctx}, nil
}

func (g guardedConn) Ping(ctx context.Context) (err error) {
	defer Contain(&err)
	return g.dolt.Ping(ctx)
}

// ResetSession keeps sessions from being reused: each carries its own state.
func (g guardedConn) ResetSession(context.Context) error { return driver.ErrBadConn }

type guardedRows struct {
	driver.Rows
	ctx context.Context // of the query, which its rows may need to read more
}

// wrapped is a long value. The engine stores it apart from its row, and the
// driver returns it unread.
type wrapped interface {
	UnwrapAny(context.Context) (any, error)
}

func (g guardedRows) Next(dest []driver.Value) (err error) {
	defer Contain(&err)
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
