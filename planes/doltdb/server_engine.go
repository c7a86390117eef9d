package doltdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dolthub/dolt/go/cmd/dolt/commands/engine"
	"github.com/dolthub/dolt/go/libraries/doltcore/dbfactory"
	"github.com/dolthub/dolt/go/libraries/doltcore/env"
	doltconfig "github.com/dolthub/dolt/go/libraries/utils/config"
	"github.com/dolthub/dolt/go/libraries/utils/filesys"
	gms "github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"

	"gastown/town"
)

// killGrace bounds how long a statement may go on that was ended.
const killGrace = 10 * time.Second

// errStuck reports a statement that does not end. The databases are still open
// then, so their locks stay until the process ends.
var errStuck = errors.New("a statement does not end although it was told to")

// serverVersion is what clients are told of the server they speak to.
const serverVersion = "8.0.33-gastown"

// running is one life of a server: an engine, its listeners and its clients.
type running struct {
	engine *engine.SqlEngine
	server *gms.Server
	gate   *gate
	tcp    net.Listener  // nil when there is none
	done   chan struct{} // closed when nothing is accepted any more
}

// run opens the databases and serves them. The caller holds their locks.
func (o ServeOptions) run(ctx context.Context) (_ *running, err error) {
	// Each is opened once alone, as a command would: that completes what a
	// killed process left, and makes what is wrong with it an error of its own.
	for _, plane := range o.Planes {
		db, err := openEmbedded(ctx, o.plane(plane))
		if err != nil {
			return nil, err
		}
		if err := db.Close(); err != nil {
			return nil, err
		}
	}
	r := &running{done: make(chan struct{})}
	listeners, err := o.listen(r)
	if err != nil {
		return nil, err
	}
	// What the engine starts lives longer than the call.
	if r.engine, err = o.openEngine(context.WithoutCancel(ctx)); err != nil {
		return nil, errors.Join(err, listeners.Close())
	}
	if err := r.serve(o, listeners); err != nil {
		return nil, errors.Join(err, listeners.Close(), r.engine.Close())
	}
	if err := o.answer(ctx); err != nil {
		return nil, errors.Join(err, r.stop(ctx, 0))
	}
	return r, nil
}

// listen binds all addresses.
func (o ServeOptions) listen(r *running) (*listeners, error) {
	socket, err := listenSocket(o.Socket)
	if err != nil {
		return nil, err
	}
	if o.Listen == "" {
		return newListeners(socket), nil
	}
	r.tcp, err = net.Listen("tcp", o.Listen)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = town.Fail("serve the databases", "end the program that has it, or set dolt.listen to another port",
				"%w: another program listens on %s", town.ErrBusy, o.Listen)
		}
		return nil, errors.Join(err, socket.Close())
	}
	return newListeners(socket, o.lobby(r.tcp)), nil
}

// openEngine opens all databases of the directory in one engine.
func (o ServeOptions) openEngine(ctx context.Context) (*engine.SqlEngine, error) {
	if err := prepare(o.Home); err != nil {
		return nil, err
	}
	params := map[string]any{
		dbfactory.DisableSingletonCacheParam:    struct{}{},
		dbfactory.FailOnJournalLockTimeoutParam: struct{}{},
	}
	who := o.plane("any").Actor
	cfg := doltconfig.NewMapConfig(map[string]string{
		doltconfig.UserNameKey: who.Name, doltconfig.UserEmailKey: who.Email, doltconfig.MetricsDisabled: "true",
	})
	dir, err := filesys.LocalFilesysWithWorkingDir(o.Dir)
	if err != nil {
		return nil, err
	}
	all, err := env.MultiEnvForConfigAndDirectory(ctx, cfg, dir, params)
	if err != nil {
		return nil, err
	}
	served, err := engine.NewSqlEngine(ctx, all, &engine.SqlEngineConfig{
		ServerUser: socketUser, Autocommit: true, DBLoadParams: params,
		// A client on the network must not read the files of this machine.
		SystemVariables: engine.SystemVariables{"secure_file_priv": filepath.Join(o.Home, "no-files")},
	})
	if err != nil {
		return nil, errors.Join(err, all.Close(ctx))
	}
	failSoftly(o.Dir)
	return served, nil
}

// serve starts to accept. Its goroutine ends with stop.
func (r *running) serve(o ServeOptions, l *listeners) (err error) {
	// The protocol's own code writes there what strangers call themselves.
	log.SetOutput(io.Discard)
	r.gate = newGate(o.Dir)
	var secret string
	if o.Listen != "" {
		if secret, err = password(o.PasswordEnv); err != nil {
			return err
		}
	}
	cfg := gms.Config{
		Listener: l, Address: o.Socket, Version: serverVersion, MaxConnections: uint64(o.MaxConnections),
		ProtocolListenerFactory: func(cfg gms.Config, lc mysql.ListenerConfig, events gms.ServerEventListener) (gms.ProtocolListener, error) {
			lc.AuthServer = newDoor(o.User, secret)
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
func (o ServeOptions) answer(ctx context.Context) error {
	for _, plane := range o.Planes {
		opts := o.plane(plane)
		opts.Socket = o.Socket
		db, err := dialSocket(ctx, opts)
		if err == nil && db == nil {
			err = town.Fail("serve the databases", "look for a program that ends the processes of this Town, and try again",
				"the server does not answer on its own socket %s", o.Socket)
		}
		if err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return fmt.Errorf("serve the %s database: %w", plane, err)
		}
	}
	return nil
}

// stop ends everything in order: no new clients, no new transactions, then
// those that run, then the engine.
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
