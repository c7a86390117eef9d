package doltdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/dolthub/dolt/go/store/nbs"
	embedded "github.com/dolthub/driver"

	"gastown/planes/doltdb/internal/callers"
	"gastown/planes/doltdb/internal/engine"
	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
	"gastown/town/durable"
	"gastown/town/lockfile"
)

// ErrMissing reports that there is no database where one was expected.
var ErrMissing = errors.New("no database here")

// Local is an open database that never leaves the Town: it has no method that
// names a remote.
type Local struct {
	opts Options
	// locks are released in reverse order when the database is closed.
	locks     []*lockfile.Lock
	connector *embedded.Connector // nil when a server has the database open
	sql       *sql.DB
	// turn is held by the one transaction of this process that writes.
	turn *callers.Turn
	// users counts the operations under way, in all views.
	users *callers.Users
	// hold keeps other clients of a server out; nil if not needed.
	hold *hold
	// scratch is the directory of a copy, removed when it is closed; "" for none.
	scratch string
	// borrowed marks a view, which does not own what it uses; see As.
	borrowed bool
}

// served reports whether a server, not this process, has the database open.
func (db *Local) served() bool { return db.connector == nil }

// Shared is an open database that can exchange commits with a file remote.
type Shared struct{ Local }

// OpenLocal opens an existing database that has no remote. A database that was
// given a remote by other means is refused with town.ErrRefused.
func OpenLocal(ctx context.Context, opts Options) (*Local, error) {
	db, err := openExisting(ctx, opts, false)
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

// OpenShared opens an existing database whose commits may be exchanged. One
// caller at a time has it open, even when a server has the database: operations
// between opening and closing are not interleaved with another caller's.
func OpenShared(ctx context.Context, opts Options) (*Shared, error) {
	db, err := openExisting(ctx, opts, true)
	if err != nil {
		return nil, err
	}
	return &Shared{Local: *db}, nil
}

// Share turns a newly created database into one that may be exchanged.
func Share(db *Local) *Shared { return &Shared{Local: *db} }

// openExisting opens a database where it is served, or in this process.
func openExisting(ctx context.Context, opts Options, alone bool) (_ *Local, err error) {
	defer engine.Recovered("open the "+opts.name()+" database", &err)
	opts = opts.withDefaults()
	if opts.External != nil {
		return openExternal(ctx, opts, alone)
	}
	if err := opts.present(); err != nil {
		return nil, err
	}
	switch {
	case !alone && opts.ReadOnly:
		return openForReading(ctx, opts)
	case !alone:
		return openHere(ctx, opts)
	}
	// Taken before the plane's lock, by every process. So it also excludes a
	// client of the server from a process that opened the database after the
	// server had ended.
	lock, err := lockFile(ctx, opts, opts.Dir+clientLockSuffix, true, nil)
	if err != nil {
		return nil, err
	}
	db, err := openHere(ctx, opts)
	if err == nil && db.served() {
		// The server did that when it started. A client may have ended half-way
		// since. Nobody else has this plane open.
		if err = db.catchUp(ctx); err != nil {
			err = errors.Join(err, db.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	db.locks = append([]*lockfile.Lock{lock}, db.locks...)
	return db, nil
}

// present fails when there is no database at opts.Dir.
func (o Options) present() error {
	if _, err := os.Stat(filepath.Join(o.Dir, ".dolt")); err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			return town.Fail("open the "+o.name()+" database",
				"see that this user may read it, and that it is a directory: ls -ld "+o.Dir, "%w", err)
		}
		return o.missing(o.Dir)
	}
	return nil
}

func (o Options) missing(where string) error {
	return town.Fail("open the "+o.name()+" database",
		"run gt install on this Town: it makes what is missing and overwrites nothing", "%w: %s", ErrMissing, where)
}

// openHere asks the Deacon's server or, when none answers, opens the database
// in this process. It waits while neither is possible.
func openHere(ctx context.Context, opts Options) (*Local, error) {
	var db *Local
	began := time.Now()
	lock, err := lockFile(ctx, opts, opts.Dir+wire.LockSuffix, true, func() (done bool, err error) {
		if db, err = dialSocket(ctx, opts); db == nil && err == nil && opts.Socket != "" {
			if time.Since(began) > socketDial && opts.unreachable() {
				return false, opts.silent()
			}
			opts.letServerGo(ctx)
		}
		return db != nil, err
	})
	if err != nil || db != nil {
		return db, err
	}
	return openOwned(ctx, opts, lock)
}

// openOwned opens a database whose lock it takes over, even when it fails.
func openOwned(ctx context.Context, opts Options, lock *lockfile.Lock) (*Local, error) {
	db, err := openEmbedded(ctx, opts)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	db.locks = []*lockfile.Lock{lock}
	return db, nil
}

// openEmbedded opens a database whose lock the caller holds.
func openEmbedded(ctx context.Context, opts Options) (*Local, error) {
	if err := engine.Prepare(opts.Home); err != nil {
		return nil, err
	}
	connector, err := embedded.NewConnector(config(opts.Dir, opts.name(), opts))
	if err != nil {
		return nil, err
	}
	db := &Local{opts: opts, connector: connector, turn: callers.NewTurn(), users: callers.NewUsers(),
		sql: sql.OpenDB(engine.Guard(connector, opts.Dir))}
	opts.pool(db.sql)
	// The engine opens lazily. Pinging makes a failure an error of opening.
	err = db.sql.PingContext(ctx)
	if err == nil {
		err = db.sweep()
	}
	if err == nil {
		err = db.catchUp(ctx)
	}
	if err != nil {
		return nil, errors.Join(opts.explain(err), db.Close())
	}
	db.opts.letRead()
	return db, nil
}

func (o Options) explain(err error) error {
	op := "open the " + o.name() + " database"
	if errors.Is(err, nbs.ErrDatabaseLocked) {
		return town.Fail(op, "end the program that has it open (a dolt command or server), then run this again",
			"%w: %s is in use by a program other than gt", town.ErrBusy, o.Dir)
	}
	if err = engine.Classify(err); durable.OfMachine(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return town.Fail(op, cmp.Or(durable.Advice(err), "run it again"), "%w", err)
	}
	if errors.Is(err, nbs.ErrJournalDataLoss) {
		return town.Fail(op, "gt doctor says what can be done", "%w: %s: %w", ErrCorrupt, o.Dir, ErrJournal)
	}
	return town.Fail(op, "gt doctor says what can be done", "%w: %s: %w", ErrCorrupt, o.Dir, err)
}

// Close releases the database and its locks. It waits a few seconds for reads
// and writes under way through other views. It is safe to call once.
func (db *Local) Close() error {
	if db.borrowed {
		return nil
	}
	err := db.end()
	if db.scratch != "" {
		err = errors.Join(err, os.RemoveAll(db.scratch))
	}
	return errors.Join(err, db.unlock())
}

// Detach is Close without releasing the locks, which stay until release is
// called, so that the directory can be replaced meanwhile. It is called instead
// of Close. It fails with ErrServed when a server has the directory: then it
// must not be replaced.
func (db *Local) Detach() (release func() error, err error) {
	if db.borrowed {
		return nil, errDetachView
	}
	err = db.end()
	if db.served() {
		err = errors.Join(err, db.opts.served("replace the "+db.opts.name()+" database"))
	}
	return db.unlock, err
}

func (db *Local) end() error {
	db.users.Close(closeGrace)
	err := errors.Join(db.hold.end(), db.sql.Close())
	if db.served() {
		// The server has what was acknowledged. Its closing the connection
		// first is not an error.
		return nil
	}
	defer db.opts.letRead()
	return errors.Join(err, db.connector.Close())
}

func (db *Local) unlock() (err error) {
	for i := len(db.locks) - 1; i >= 0; i-- {
		err = errors.Join(err, db.locks[i].Release())
	}
	return err
}

// Dir is the database's directory.
func (db *Local) Dir() string { return db.opts.Dir }
