package doltdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/dolthub/dolt/go/store/nbs"
	embedded "github.com/dolthub/driver"
	"github.com/gofrs/flock"
	"github.com/sirupsen/logrus"

	"gastown/town"
)

// defaultWait is how long Open waits for another process to let go.
const defaultWait = 30 * time.Second

// ErrMissing reports that there is no database where one was expected.
var ErrMissing = errors.New("no database here")

// Options say which database to open and under whose name to write.
type Options struct {
	// Dir is the database's directory; its base name is the database's name.
	Dir string
	// Actor is recorded as author and committer.
	Actor town.Actor
	// Wait bounds the wait for another process; 0 means 30 s.
	Wait time.Duration
	// Command is what others are told when they wait for this process.
	Command string
	// Home is a directory, made if need be, where the engine keeps settings of
	// its own; by default .home beside the database. Nothing of a person's home
	// directory is read or written.
	Home string
}

func (o Options) name() string { return filepath.Base(o.Dir) }

func (o Options) withDefaults() Options {
	if o.Wait == 0 {
		o.Wait = defaultWait
	}
	if o.Command == "" {
		o.Command = filepath.Base(os.Args[0])
	}
	if o.Home == "" {
		o.Home = filepath.Join(filepath.Dir(o.Dir), ".home")
	}
	if o.Actor.Name == "" {
		o.Actor.Name = "gt"
	}
	if o.Actor.Email == "" {
		o.Actor.Email = "gt@localhost"
	}
	return o
}

// Local is an open database that never leaves the Town: it has no method that
// names a remote.
type Local struct {
	opts      Options
	lock      *flock.Flock
	connector *embedded.Connector
	sql       *sql.DB
}

// Shared is an open database that can exchange commits with a file remote.
type Shared struct{ Local }

// Create makes an empty database at opts.Dir and opens it. It fails if anything
// is there already.
func Create(ctx context.Context, opts Options) (_ *Local, err error) {
	defer recovered("create the "+opts.name()+" database", &err)
	opts = opts.withDefaults()
	if _, err := os.Lstat(opts.Dir); err == nil {
		return nil, fmt.Errorf("create the %s database: %s: %w", opts.name(), opts.Dir, os.ErrExist)
	}
	lock, err := own(ctx, opts)
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(opts.Dir)
	// Built aside and renamed, so that a killed process leaves no half database.
	staging, err := stagingDir(parent, ".new-"+opts.name()+"-")
	if err != nil {
		_ = lock.Unlock()
		return nil, err
	}
	defer os.RemoveAll(staging)
	if err := inDirectory(ctx, staging, opts, "CREATE DATABASE `"+opts.name()+"`"); err != nil {
		_ = lock.Unlock()
		return nil, fmt.Errorf("create the %s database: %w", opts.name(), err)
	}
	if err := install(filepath.Join(staging, opts.name()), opts.Dir); err != nil {
		_ = lock.Unlock()
		return nil, err
	}
	return open(ctx, opts, lock)
}

// install moves a finished database directory into place and makes the move durable.
func install(from, to string) error {
	if err := os.Chmod(from, 0o700); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// settle gives the engine a home of its own. The engine finds it by this
// variable only.
func settle(home string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	return os.Setenv("DOLT_ROOT_PATH", home)
}

// inDirectory runs one statement with no database selected.
func inDirectory(ctx context.Context, dir string, opts Options, query string, args ...any) (err error) {
	tame()
	if err := settle(opts.Home); err != nil {
		return err
	}
	defer forget(dir)
	connector, err := embedded.NewConnector(config(dir, "", opts))
	if err != nil {
		return err
	}
	db := sql.OpenDB(guardedConnector{connector, dir})
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
		// Without a back-off the engine would silently open read-only when a
		// foreign program (the stock dolt, say) holds the directory.
		BackOff: backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(5*time.Millisecond),
			backoff.WithMaxInterval(200*time.Millisecond),
			backoff.WithMaxElapsedTime(opts.Wait)),
	}
}

// OpenLocal opens an existing database that has no remote. One that was given a
// remote by other means is refused with town.ErrRefused.
func OpenLocal(ctx context.Context, opts Options) (*Local, error) {
	db, err := openExisting(ctx, opts)
	if err != nil {
		return nil, err
	}
	var remotes int
	err = db.View(ctx, func(tx *Tx) error {
		return tx.QueryRow(ctx, "SELECT COUNT(*) FROM dolt_remotes").Scan(&remotes)
	})
	if err == nil && remotes > 0 {
		err = town.Fail("open the "+db.opts.name()+" database", "remove it with: dolt remote remove",
			"%w: this plane never leaves the Town, but %d remote(s) are configured in it", town.ErrRefused, remotes)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// OpenShared opens an existing database whose commits may be exchanged.
func OpenShared(ctx context.Context, opts Options) (*Shared, error) {
	db, err := openExisting(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &Shared{Local: *db}, nil
}

// Share turns a newly created database into one that may be exchanged.
func Share(db *Local) *Shared { return &Shared{Local: *db} }

func openExisting(ctx context.Context, opts Options) (_ *Local, err error) {
	defer recovered("open the "+opts.name()+" database", &err)
	opts = opts.withDefaults()
	if _, err := os.Stat(filepath.Join(opts.Dir, ".dolt")); err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("open the %s database: %w", opts.name(), err)
		}
		return nil, town.Fail("open the "+opts.name()+" database",
			"run gt install on this Town: it makes what is missing and overwrites nothing", "%w: %s", ErrMissing, opts.Dir)
	}
	lock, err := own(ctx, opts)
	if err != nil {
		return nil, err
	}
	return open(ctx, opts, lock)
}

// open takes over the lock, also when it fails.
func open(ctx context.Context, opts Options, lock *flock.Flock) (*Local, error) {
	// The engine logs through the process-wide logger; people are told what
	// matters by the errors it returns.
	logrus.SetOutput(io.Discard)
	if err := settle(opts.Home); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	tame()
	connector, err := embedded.NewConnector(config(opts.Dir, opts.name(), opts))
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	db := &Local{opts: opts, lock: lock, connector: connector, sql: sql.OpenDB(guardedConnector{connector, opts.Dir})}
	// The engine opens on first use; doing it here makes failure an open error.
	err = db.sql.PingContext(ctx)
	if err == nil {
		err = db.sweep()
	}
	if err == nil {
		err = db.catchUp(ctx)
	}
	if err != nil {
		return nil, errors.Join(db.explain(err), db.Close())
	}
	return db, nil
}

func (db *Local) explain(err error) error {
	op := "open the " + db.opts.name() + " database"
	if errors.Is(err, nbs.ErrDatabaseLocked) {
		return town.Fail(op, "end the program that has it open (a dolt command or server), then run this again",
			"%w: %s is in use by a program other than gt", town.ErrBusy, db.opts.Dir)
	}
	return town.Fail(op, "check that the disk is sound and that "+db.opts.Dir+" may be read and written", "%w", err)
}

// Close releases the database and its lock. It is safe to call once.
func (db *Local) Close() error {
	release, err := db.Detach()
	return errors.Join(err, release())
}

// Detach is Close but for the lock, which stays until release is called: the
// directory may be replaced meanwhile. It takes the place of Close.
func (db *Local) Detach() (release func() error, err error) {
	return db.lock.Unlock, errors.Join(db.sql.Close(), db.connector.Close())
}

// Dir is the database's directory.
func (db *Local) Dir() string { return db.opts.Dir }
