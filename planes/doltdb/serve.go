package doltdb

import (
	"context"
	"path/filepath"

	"gastown/planes/doltdb/server"
)

// ServeOptions say what to serve and where.
type ServeOptions = server.Options

// Server owns the databases of a directory and serves SQL on them.
type Server = server.Server

// StatementShape says how often statements of a shape ran on a Server, and how long in all.
type StatementShape = server.StatementShape

// ErrStopped reports a Server that was closed.
var ErrStopped = server.ErrStopped

// Serve takes the databases of a directory into this process and serves them; see
// server.Start. It fails with ErrMissing when a database does not exist.
func Serve(ctx context.Context, opts ServeOptions) (*Server, error) {
	return server.Start(ctx, opts, opener{opts})
}

// opener opens served databases as any other command does.
type opener struct{ server server.Options }

func (o opener) options(name string) (Options, error) {
	dir, err := filepath.Abs(o.server.Dir)
	return Options{
		Dir: filepath.Join(dir, name), Home: o.server.Home, Wait: o.server.Wait, Command: o.server.Command,
	}.withDefaults(), err
}

// Exists is part of server.Opener.
func (o opener) Exists(name string) error {
	opts, err := o.options(name)
	if err != nil {
		return err
	}
	return opts.present()
}

// Recover is part of server.Opener.
func (o opener) Recover(ctx context.Context, name string) error {
	opts, err := o.options(name)
	if err != nil {
		return err
	}
	db, err := openEmbedded(ctx, opts)
	if err != nil {
		return err
	}
	return db.Close()
}

// Reach is part of server.Opener.
func (o opener) Reach(ctx context.Context, name string) (bool, error) {
	opts, err := o.options(name)
	if err != nil {
		return false, err
	}
	opts.letRead() // the engine has just opened it
	opts.Socket = o.server.Socket
	db, err := dialSocket(ctx, opts)
	if db == nil || err != nil {
		return false, err
	}
	return true, db.Close()
}

// Closed is part of server.Opener.
func (o opener) Closed(name string) {
	if opts, err := o.options(name); err == nil {
		opts.letRead() // the engine writes its manifest when it ends
	}
}
