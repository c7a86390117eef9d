package doltdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cenkalti/backoff/v4"
	embedded "github.com/dolthub/driver"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town/durable"
)

// Create makes an empty database at opts.Dir and opens it. It fails if anything
// exists there, and with ErrServed while a server answers on opts.Socket.
func Create(ctx context.Context, opts Options) (_ *Local, err error) {
	defer engine.Recovered("create the "+opts.name()+" database", &err)
	opts = opts.withDefaults()
	if opts.External != nil {
		return createExternal(ctx, opts)
	}
	if _, err := os.Lstat(opts.Dir); err == nil {
		return nil, fmt.Errorf("create the %s database: %s: %w", opts.name(), opts.Dir, os.ErrExist)
	}
	lock, err := own(ctx, opts)
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(opts.Dir)
	// Built under another name and renamed, so that a killed process leaves no
	// half-made database.
	staging, err := stagingDir(parent, ".new-"+opts.name()+"-")
	if err != nil {
		_ = lock.Release()
		return nil, err
	}
	defer os.RemoveAll(staging)
	if err := inDirectory(ctx, staging, opts, "CREATE DATABASE `"+opts.name()+"`"); err != nil {
		_ = lock.Release()
		return nil, fmt.Errorf("create the %s database: %w", opts.name(), err)
	}
	if err := install(filepath.Join(staging, opts.name()), opts.Dir); err != nil {
		_ = lock.Release()
		return nil, err
	}
	return openOwned(ctx, opts, lock)
}

// install moves a finished database directory into place and makes the move durable.
func install(from, to string) error {
	if err := os.Chmod(from, 0o700); err != nil {
		return err
	}
	return durable.Rename(from, to)
}

// inDirectory runs one statement with no database selected.
func inDirectory(ctx context.Context, dir string, opts Options, query string, args ...any) (err error) {
	engine.Tame()
	if err := engine.MakeHome(opts.Home); err != nil {
		return err
	}
	defer engine.Forget(dir)
	connector, err := embedded.NewConnector(config(dir, "", opts))
	if err != nil {
		return err
	}
	db := sql.OpenDB(engine.Guard(connector, dir))
	defer func() { err = errors.Join(err, db.Close(), connector.Close()) }()
	_, err = db.ExecContext(ctx, query, args...)
	return err
}

func config(dir, database string, opts Options) embedded.Config {
	return embedded.Config{
		Directory:   dir,
		Database:    database,
		CommitName:  opts.Actor.Name,
		CommitEmail: opts.Actor.Email,
		// Without a back-off the engine would silently open read-only when
		// another program, such as the stock dolt, has the directory open.
		BackOff: backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(5*time.Millisecond),
			backoff.WithMaxInterval(200*time.Millisecond),
			backoff.WithMaxElapsedTime(opts.Wait)),
	}
}
