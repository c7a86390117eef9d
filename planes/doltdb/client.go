package doltdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sys/unix"

	"gastown/planes/doltdb/internal/callers"
	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
	"gastown/town/lockfile"
)

const (
	// maxPacket bounds one statement in bytes, arguments included.
	maxPacket = 1 << 30
	// leastDial is how long a client waits for a server at least to take a
	// connection, also with a shorter Options.Wait: on a busy machine a server that
	// works may take that long.
	leastDial = time.Second
	// socketDial is the most it waits on the Town's own socket: commands that find the
	// Deacon silent say so within 5 s, the start of the program included. silentDial
	// is for a caller that has waited already.
	socketDial = 4 * time.Second
	silentDial = 500 * time.Millisecond
)

// errSilent reports a server that accepts connections and does not answer.
var errSilent = fmt.Errorf("%w: it does not answer", town.ErrBusy)

// ErrServed reports an operation on a database directory that a server has
// open. The caller may ask the server to lend it (Server.Lend) and try again.
var ErrServed = fmt.Errorf("a server has the data directory: %w", town.ErrBusy)

func (o Options) served(op string) error {
	if o.External != nil {
		return town.Fail(op, "do it on a machine that has the data directory itself, with dolt.host unset",
			"%w: %s has it, and replaces no directory", ErrServed, o.External.Address)
	}
	return town.Fail(op, "stop the Deacon for it: gt deacon stop", "%w", ErrServed)
}

// Serving fails with ErrServed when the database is used through a server. A
// caller that wants to replace the directory asks first.
func Serving(opts Options) error {
	if opts.External != nil || opts.answers() {
		return opts.served("use the directory of the " + opts.name() + " database")
	}
	return nil
}

// answers reports whether somebody accepts connections on the socket.
func (o Options) answers() bool {
	if o.Socket == "" {
		return false
	}
	conn, err := net.DialTimeout("unix", o.Socket, wire.DialTimeout)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// dialSocket connects to the server of opts.Socket. It returns nil and no error
// when there is no server.
func dialSocket(ctx context.Context, opts Options) (*Local, error) {
	if opts.Socket == "" {
		return nil, nil
	}
	// Usually there is no server, which this finds out at once.
	if _, err := os.Lstat(opts.Socket); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if opts.stopped() {
		return nil, opts.silent()
	}
	cfg := clientConfig(opts.name(), opts)
	cfg.Net, cfg.Addr, cfg.User = "unix", opts.Socket, wire.SocketUser
	over := opts.waits(func() string { return "the Deacon has not answered yet" })
	db, err := dial(ctx, opts, cfg)
	over()
	switch {
	case err == nil:
		return db, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, errSilent):
		return nil, opts.silent()
	case absent(err):
		return nil, nil
	case isMySQL(err, wire.ErrUnknownDatabase):
		return nil, town.Fail("open the "+opts.name()+" database", "restart the Deacon: gt deacon restart",
			"%w: it does not serve this database", ErrServed)
	default:
		return nil, town.Fail("open the "+opts.name()+" database",
			"check who may use "+opts.Socket+", and what gt deacon status says", "%w", err)
	}
}

// silent is the error for a server that has the database and does not answer.
func (o Options) silent() error {
	op := "open the " + o.name() + " database"
	h := lockfile.Read(o.Dir + wire.LockSuffix)
	if h.Stopped() {
		return town.Fail(op, fmt.Sprintf("kill -CONT %d lets it go on; gt deacon stop ends it", h.PID),
			"%w: the Deacon (pid %d), which has it open, is stopped", town.ErrBusy, h.PID)
	}
	pid := o.listener()
	if h.State == string(wire.Serving) && h.Runs() {
		pid = h.PID
	}
	who := "the Deacon"
	if pid > 0 {
		who = fmt.Sprintf("the Deacon (pid %d)", pid)
	}
	return town.Fail(op, "gt deacon status tells what is wrong with it; gt deacon restart ends it and starts another",
		"%w: %s does not answer on %s", town.ErrBusy, who, o.Socket)
}

// listener is the process that listens on the socket, as the kernel says; 0 when that
// is unknown, for instance because its queue of connections is full.
func (o Options) listener() (pid int) {
	conn, err := net.DialTimeout("unix", o.Socket, silentDial)
	if err != nil {
		return 0
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(peer.Pid)
		}
	})
	return pid
}

// stopped reports whether the server of the socket is stopped, so that asking it
// would only take time.
func (o Options) stopped() bool {
	h := lockfile.Read(o.Dir + wire.LockSuffix)
	return h.State != "" && h.Stopped()
}

// unreachable reports whether a server has the database although there is nothing to
// connect to. One that works puts its socket back within a second.
func (o Options) unreachable() bool {
	h := lockfile.Read(o.Dir + wire.LockSuffix)
	return h.State == string(wire.Serving) && h.Runs()
}

// openExternal connects to the server of opts.External and to no other.
func openExternal(ctx context.Context, opts Options, alone bool) (*Local, error) {
	op := "open the " + opts.name() + " database at " + opts.External.Address
	db, err := dialExternal(ctx, opts, opts.name())
	if isMySQL(err, wire.ErrUnknownDatabase) {
		return nil, opts.missing(opts.External.Address)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, town.Fail(op, "check dolt.host, dolt.port, dolt.user and dolt.password_env, and that the server runs", "%w", err)
	}
	if !alone {
		return db, nil
	}
	if err = db.holdShared(ctx); err == nil {
		err = db.catchUp(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// createExternal makes a database on the server of opts.External.
func createExternal(ctx context.Context, opts Options) (*Local, error) {
	op := "create the " + opts.name() + " database"
	server, err := dialExternal(ctx, opts, "")
	if err != nil {
		return nil, town.Fail(op, "check dolt.host, dolt.port, dolt.user and dolt.password_env, and that the server runs", "%w", err)
	}
	_, err = server.sql.ExecContext(ctx, "CREATE DATABASE `"+strings.ReplaceAll(opts.name(), "`", "``")+"`")
	if err := errors.Join(err, server.Close()); err != nil {
		if isMySQL(err, wire.ErrDatabaseExists) {
			return nil, fmt.Errorf("%s: at %s: %w", op, opts.External.Address, os.ErrExist)
		}
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return openExternal(ctx, opts, false)
}

func dialExternal(ctx context.Context, opts Options, database string) (*Local, error) {
	cfg := clientConfig(database, opts)
	cfg.Net, cfg.Addr = "tcp", opts.External.Address
	if filepath.IsAbs(cfg.Addr) {
		cfg.Net = "unix"
	}
	cfg.User = opts.External.User
	var err error
	if cfg.Passwd, err = wire.Password(opts.External.PasswordEnv, opts.External.Getenv); err != nil {
		return nil, err
	}
	return dial(ctx, opts, cfg)
}

func clientConfig(database string, opts Options) *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.DBName = database
	cfg.InterpolateParams, cfg.ParseTime = true, true
	cfg.MaxAllowedPacket = maxPacket
	cfg.Timeout = wire.DialTimeout
	cfg.Logger = &mysql.NopLogger{}
	// An idle session is between transactions, and begins one with its next
	// statement. So there is nothing to set up, and nothing to undo.
	cfg.Params = map[string]string{"autocommit": "0"}
	return cfg
}

func dial(ctx context.Context, opts Options, cfg *mysql.Config) (*Local, error) {
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := &Local{opts: opts, sql: sql.OpenDB(clientConnector{connector}), turn: callers.NewTurn(), users: callers.NewUsers()}
	opts.pool(db.sql)
	ping, cancel := context.WithTimeout(ctx, opts.dialTime())
	defer cancel()
	if err = db.sql.PingContext(ping); err == nil {
		return db, nil
	}
	// A server whose queue of connections is full does not answer either.
	if ctx.Err() == nil && (ping.Err() != nil || errors.Is(err, syscall.EAGAIN)) {
		err = fmt.Errorf("%w: %w", errSilent, err)
	}
	return nil, errors.Join(err, db.sql.Close())
}

// dialTime bounds the wait for the server to take a connection.
func (o Options) dialTime() time.Duration {
	switch {
	case o.External != nil:
		return wire.DialTimeout
	case o.Silent:
		return silentDial
	}
	return min(socketDial, max(leastDial, o.Wait))
}

// clientConnector classifies the error of a connection that ended during its
// handshake.
type clientConnector struct{ driver.Connector }

// unwritten is the text of the driver's error for a connection to which nothing
// could be written. The driver returns it as driver.ErrBadConn everywhere but
// in its answer to the server's greeting.
const unwritten = "bad connection"

func (c clientConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil && err.Error() == unwritten {
		return nil, driver.ErrBadConn
	}
	return conn, err
}

func isMySQL(err error, number uint16) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == number
}

// absent reports an error that means that there is no server, or not any more.
func absent(err error) bool {
	for _, gone := range []error{
		fs.ErrNotExist, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
		io.EOF, io.ErrUnexpectedEOF, mysql.ErrInvalidConn, driver.ErrBadConn,
	} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return isMySQL(err, wire.ErrServerShutdown)
}
