package server

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	gms "github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"gastown/planes/doltdb/internal/engine"
	"gastown/planes/doltdb/internal/shapes"
	"gastown/planes/doltdb/internal/wire"
)

// gate stands between the clients' connections and the engine. It knows which
// clients have a statement or a transaction under way, so that a server that stops
// can let them end it, and marks statements as the server's own for the engine.
type gate struct {
	*gms.Handler
	dir   string // of the server's own databases
	queue *queue

	// full says that a statement found no room on the disk.
	full atomic.Bool
	// statements counts those that were let through, and shapes adds up their time, with
	// the wait for a named lock.
	statements *atomic.Int64
	shapes     *shapes.Table

	mu       sync.Mutex
	clients  map[uint32]*client
	draining bool
	// changed is closed and replaced when a client may have become idle.
	changed chan struct{}
}

// client is the state of one connection.
type client struct {
	conn *mysql.Conn
	busy int  // statements that run
	open bool // whether a transaction is under way
}

func newGate(o Options) *gate {
	return &gate{dir: o.Dir, statements: o.statements, shapes: o.shapes, queue: newQueue(), clients: map[uint32]*client{}, changed: make(chan struct{})}
}

// wrap puts the gate in front of the engine's handler.
func (g *gate) wrap(h mysql.Handler) (mysql.Handler, error) {
	g.Handler = h.(*gms.Handler)
	return g, nil
}

// NewConnection is called first for a connection.
func (g *gate) NewConnection(c *mysql.Conn) {
	g.mu.Lock()
	g.clients[c.ConnectionID] = &client{conn: c}
	g.mu.Unlock()
	g.Handler.NewConnection(c)
}

// ConnectionAuthenticated is called when the client has shown who it is.
func (g *gate) ConnectionAuthenticated(c *mysql.Conn) error {
	if err := admit(c); err != nil {
		return err
	}
	return g.Handler.ConnectionAuthenticated(c)
}

// ConnectionClosed is called last for a connection.
func (g *gate) ConnectionClosed(c *mysql.Conn) {
	g.Handler.ConnectionClosed(c)
	g.queue.closed(c.ConnectionID)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.clients, c.ConnectionID)
	g.tell()
}

// ComQuery runs a statement.
func (g *gate) ComQuery(ctx context.Context, c *mysql.Conn, query string, callback mysql.ResultSpoolFn) error {
	return g.through(ctx, c, query, func(ctx context.Context) error { return g.Handler.ComQuery(ctx, c, query, callback) })
}

// ComMultiQuery runs the first of several statements.
func (g *gate) ComMultiQuery(ctx context.Context, c *mysql.Conn, query string, callback mysql.ResultSpoolFn) (rest string, err error) {
	err = g.through(ctx, c, query, func(ctx context.Context) error {
		rest, err = g.Handler.ComMultiQuery(ctx, c, query, callback)
		return err
	})
	return rest, err
}

// ComParsedQuery runs a statement that was parsed.
func (g *gate) ComParsedQuery(ctx context.Context, c *mysql.Conn, query string, parsed sqlparser.Statement, callback mysql.ResultSpoolFn) error {
	return g.through(ctx, c, query, func(ctx context.Context) error { return g.Handler.ComParsedQuery(ctx, c, query, parsed, callback) })
}

// ComStmtExecute runs a prepared statement.
func (g *gate) ComStmtExecute(ctx context.Context, c *mysql.Conn, prepare *mysql.PrepareData, callback func(*sqltypes.Result) error) error {
	return g.through(ctx, c, "", func(ctx context.Context) error { return g.Handler.ComStmtExecute(ctx, c, prepare, callback) })
}

// ComExecuteBound runs a prepared statement that has its arguments.
func (g *gate) ComExecuteBound(ctx context.Context, c *mysql.Conn, query string, bound mysql.BoundQuery, callback mysql.ResultSpoolFn) error {
	return g.through(ctx, c, "", func(ctx context.Context) error { return g.Handler.ComExecuteBound(ctx, c, query, bound, callback) })
}

// prepared is how a statement counts whose text is not at hand. Foreign programs
// prepare statements, gt does not.
const prepared = "prepared statements"

// through runs a statement, unless the server is stopping and the statement would
// begin a transaction. A panic of the engine ends the statement, not the
// connection.
func (g *gate) through(ctx context.Context, c *mysql.Conn, query string, run func(context.Context) error) (err error) {
	defer engine.Contain(&err)
	g.mu.Lock()
	known := g.clients[c.ConnectionID]
	if known == nil || g.draining && !known.open {
		g.mu.Unlock()
		return mysql.NewSQLError(wire.ErrServerShutdown, "08S01", "the server stops")
	}
	known.busy++
	g.mu.Unlock()
	g.statements.Add(1)
	began := time.Now()
	defer func() {
		g.shapes.Add(cmp.Or(query, prepared), time.Since(began))
		g.mu.Lock()
		defer g.mu.Unlock()
		known.busy--
		known.open = c.StatusFlags&uint16(mysql.ServerInTransaction) != 0
		g.tell()
	}()
	if err := g.queue.before(ctx, c.ConnectionID, query); err != nil {
		return err
	}
	defer g.queue.after(c.ConnectionID, query)
	err = run(engine.WithOwnDir(ctx, g.dir))
	if noRoom(err) {
		g.full.Store(true)
	}
	return err
}

// tell wakes up drain. The caller holds mu.
func (g *gate) tell() {
	if g.draining {
		close(g.changed)
		g.changed = make(chan struct{})
	}
}

// drain lets no new transaction begin and returns when none is under way, or when
// ctx ends.
func (g *gate) drain(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.draining = true
	g.queue.end()
	for g.busy() {
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
			g.mu.Lock()
		case <-ctx.Done():
			g.mu.Lock()
			return
		}
	}
}

// busy reports whether anything is under way. The caller holds mu.
func (g *gate) busy() bool {
	for _, c := range g.clients {
		if c.busy > 0 || c.open {
			return true
		}
	}
	return false
}

// each calls fn for every connection.
func (g *gate) each(fn func(id uint32)) {
	g.mu.Lock()
	ids := make([]uint32, 0, len(g.clients))
	for id := range g.clients {
		ids = append(ids, id)
	}
	g.mu.Unlock()
	for _, id := range ids {
		fn(id)
	}
}

var _ interface {
	mysql.Handler
	mysql.ExtendedHandler
	mysql.BinlogReplicaHandler
} = (*gate)(nil)
