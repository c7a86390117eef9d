package server

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"path/filepath"
	"time"

	sqlengine "github.com/dolthub/dolt/go/cmd/dolt/commands/engine"
	"github.com/dolthub/dolt/go/libraries/doltcore/dbfactory"
	"github.com/dolthub/dolt/go/libraries/doltcore/env"
	doltconfig "github.com/dolthub/dolt/go/libraries/utils/config"
	"github.com/dolthub/dolt/go/libraries/utils/filesys"
	gms "github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"

	"gastown/planes/doltdb/internal/engine"
	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
	"gastown/town/socket"
)

// killGrace bounds how long a statement may go on after it was told to end.
const killGrace = 10 * time.Second

// errStuck reports a statement that does not end. The databases are still open,
// so their locks stay until the process ends.
var errStuck = errors.New("a statement does not end although it was told to")

// serverVersion is what clients are told about the server.
const serverVersion = "8.0.33-gastown"

// running is a server between start and stop: engine, listeners and clients.
type running struct {
	engine *sqlengine.SqlEngine
	server *gms.Server
	gate   *gate
	socket *socket.Listener
	tcp    net.Listener  // nil when there is none
	done   chan struct{} // closed when it has stopped accepting
}

// run opens the databases and serves them. The caller holds their locks.
func (o Options) run(ctx context.Context, opener Opener) (_ *running, err error) {
	// Each is opened alone first, so that what is wrong with it is an error about it.
	for _, plane := range o.Planes {
		if err := opener.Recover(ctx, plane); err != nil {
			return nil, err
		}
	}
	r := &running{done: make(chan struct{})}
	listeners, err := o.listen(r)
	if err != nil {
		return nil, err
	}
	// What the engine starts outlives this call.
	if r.engine, err = o.openEngine(context.WithoutCancel(ctx)); err != nil {
		return nil, errors.Join(err, listeners.Close())
	}
	if err := r.serve(o, listeners); err != nil {
		return nil, errors.Join(err, listeners.Close(), r.engine.Close())
	}
	if err := o.answer(ctx, opener); err != nil {
		return nil, errors.Join(err, r.stop(ctx, 0))
	}
	return r, nil
}

// openEngine opens all databases of the directory in one engine.
func (o Options) openEngine(ctx context.Context) (*sqlengine.SqlEngine, error) {
	if err := engine.Prepare(o.Home); err != nil {
		return nil, err
	}
	params := map[string]any{
		dbfactory.DisableSingletonCacheParam:    struct{}{},
		dbfactory.FailOnJournalLockTimeoutParam: struct{}{},
	}
	cfg := doltconfig.NewMapConfig(map[string]string{
		doltconfig.UserNameKey: wire.Actor.Name, doltconfig.UserEmailKey: wire.Actor.Email, doltconfig.MetricsDisabled: "true",
	})
	dir, err := filesys.LocalFilesysWithWorkingDir(o.Dir)
	if err != nil {
		return nil, err
	}
	all, err := env.MultiEnvForConfigAndDirectory(ctx, cfg, dir, params)
	if err != nil {
		return nil, err
	}
	served, err := sqlengine.NewSqlEngine(ctx, all, &sqlengine.SqlEngineConfig{
		ServerUser: wire.SocketUser, Autocommit: true, DBLoadParams: params,
		// A client on the network must not read the files of this machine.
		SystemVariables: sqlengine.SystemVariables{"secure_file_priv": filepath.Join(o.Home, "no-files")},
	})
	if err != nil {
		return nil, errors.Join(err, all.Close(ctx))
	}
	engine.FailSoftly(o.Dir)
	return served, nil
}

// serve starts to accept. stop ends its goroutine.
func (r *running) serve(o Options, l *listeners) (err error) {
	// The protocol's code logs there the names that strangers give themselves.
	log.SetOutput(io.Discard)
	r.gate = newGate(o)
	var secret string
	if o.Listen != "" {
		if secret, err = wire.Password(o.PasswordEnv, o.Getenv); err != nil {
			return err
		}
	}
	cfg := gms.Config{
		Listener: l, Address: o.Socket, Version: serverVersion, MaxConnections: uint64(o.MaxConnections),
		ProtocolListenerFactory: func(cfg gms.Config, lc mysql.ListenerConfig, events gms.ServerEventListener) (gms.ProtocolListener, error) {
			lc.MaxConns = 0 // the listeners bound them, and know who may go
			lc.AuthServer = &authority{user: o.User, password: secret}
			return gms.MySQLProtocolListenerFactory(cfg, lc, events)
		},
	}
	session := func(ctx context.Context, conn *mysql.Conn, addr string) (sql.Session, error) {
		base, err := sql.BaseSessionFromConnection(ctx, conn, addr)
		if err != nil {
			return nil, err
		}
		return r.engine.NewDoltSession(ctx, base)
	}
	r.server, err = gms.NewServerWithHandler(cfg, r.engine.GetUnderlyingEngine(), r.engine.ContextFactory, session, nil, r.gate.wrap)
	if err != nil {
		return err
	}
	go func() {
		defer close(r.done)
		_ = r.server.Start() // returns when the listeners are closed
	}()
	return nil
}

// answer asks the server for each database, as a client does.
func (o Options) answer(ctx context.Context, opener Opener) error {
	for _, plane := range o.Planes {
		answers, err := opener.Reach(ctx, plane)
		if err == nil && !answers {
			err = town.Fail("serve the databases", "look for a program that ends the processes of this Town, and try again",
				"the server does not answer on its own socket %s", o.Socket)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stop ends, in this order: new clients, new transactions, running transactions,
// the engine.
func (r *running) stop(ctx context.Context, grace time.Duration) error {
	err := r.server.Close()
	<-r.done
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	r.gate.drain(ctx)
	sessions, processes := r.server.SessionManager(), r.engine.GetUnderlyingEngine().ProcessList
	r.gate.each(func(id uint32) {
		processes.Kill(id)
		err = errors.Join(err, sessions.KillConnection(id))
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		sessions.WaitForClosedConnections()
	}()
	select {
	case <-ended:
		return errors.Join(err, r.engine.Close())
	case <-time.After(killGrace):
		return errors.Join(err, errStuck)
	}
}
