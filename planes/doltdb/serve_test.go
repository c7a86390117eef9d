package doltdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
	"gastown/town/lockfile"
)

// twoPlanes makes two databases in one directory and says how to serve them.
func twoPlanes(t *testing.T) ServeOptions {
	t.Helper()
	dir := t.TempDir()
	made(t, filepath.Join(dir, "ledger"))
	made(t, filepath.Join(dir, "federation"))
	opts := serveOptions(t, filepath.Join(dir, "federation"))
	opts.Planes = []string{"ledger", "federation"}
	opts.Getenv = os.Getenv
	return opts
}

func started(t *testing.T, opts ServeOptions) *Server {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // it bounds the start only
	s, err := Serve(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func clientOf(o ServeOptions, plane string) Options {
	opts := options(filepath.Join(o.Dir, plane))
	opts.Socket = o.Socket
	return opts
}

func TestServerOwnsTheDatabases(t *testing.T) {
	opts := twoPlanes(t)
	s := started(t, opts)
	for path, want := range map[string]os.FileMode{opts.Socket: 0o600, filepath.Dir(opts.Socket): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %o", path, info.Mode(), err, want)
		}
	}
	for _, plane := range opts.Planes {
		db := open(t, clientOf(opts, plane))
		if !db.served() {
			t.Errorf("%s was opened in this process", plane)
		}
		put(t, db, "plane", plane)
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		direct := options(filepath.Join(opts.Dir, plane))
		direct.Wait = 50 * time.Millisecond
		if _, err := OpenShared(t.Context(), direct); !errors.Is(err, town.ErrBusy) || !strings.Contains(err.Error(), "test server") {
			t.Errorf("opened beside the server: %v", err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(opts.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	db := open(t, clientOf(opts, "ledger"))
	if db.served() || get(t, db, "plane") != "ledger" {
		t.Errorf("after the server: served %v, %q", db.served(), get(t, db, "plane"))
	}
}

func TestWhatCannotBeServed(t *testing.T) {
	good := twoPlanes(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	t.Setenv("TEST_SECRET", "s3cret")
	for name, c := range map[string]struct {
		change func(*ServeOptions)
		want   error
		says   string
	}{
		"long path":      {func(o *ServeOptions) { o.Socket = "/tmp/" + strings.Repeat("x", 120) + "/s" }, town.ErrRefused, "127 bytes"},
		"open directory": {func(o *ServeOptions) { o.Socket = filepath.Join(t.TempDir(), "s") }, town.ErrRefused, "mode 0755"},
		"no database":    {func(o *ServeOptions) { o.Planes = append(o.Planes[:2:2], "operational") }, ErrMissing, "operational"},
		"no password":    {func(o *ServeOptions) { o.Listen = "127.0.0.1:0" }, town.ErrRefused, "open to every user"},
		"unset password": {func(o *ServeOptions) { o.Listen, o.User, o.PasswordEnv = "127.0.0.1:0", "gt", "TEST_NOT_SET" }, town.ErrUsage, "TEST_NOT_SET"},
		"everybody":      {func(o *ServeOptions) { o.Listen, o.User, o.PasswordEnv = "0.0.0.0:0", "gt", "TEST_SECRET" }, town.ErrRefused, "other machines"},
		"no address":     {func(o *ServeOptions) { o.Listen = "3307" }, town.ErrRefused, "missing port"},
		"port taken": {func(o *ServeOptions) { o.Listen, o.User, o.PasswordEnv = taken.Addr().String(), "gt", "TEST_SECRET" },
			town.ErrBusy, taken.Addr().String()},
		"a file there": {func(o *ServeOptions) {
			o.Socket += "2"
			if err := os.WriteFile(o.Socket, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, town.ErrRefused, "not a socket"},
		"a server there": {func(o *ServeOptions) {
			o.Socket += "3"
			l, err := net.Listen("unix", o.Socket)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
		}, town.ErrBusy, "in use by another process"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := good
			c.change(&opts)
			s, err := Serve(t.Context(), opts)
			if err == nil {
				t.Fatal(errors.Join(errors.New("it was served"), s.Close(t.Context())))
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || town.Next(err) == "" {
				t.Errorf("%v (next: %s)", err, town.Next(err))
			}
		})
	}
	// None of these attempts left a lock or the socket.
	started(t, good)
}

func TestServerWaitsForWhoeverHasADatabase(t *testing.T) {
	opts := twoPlanes(t)
	opts.Wait = 50 * time.Millisecond
	db := open(t, options(filepath.Join(opts.Dir, "federation")))
	if _, err := Serve(t.Context(), opts); !errors.Is(err, town.ErrBusy) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("served beside another: %v", err)
	}
	// The other one is free again for whoever has the first.
	other := options(filepath.Join(opts.Dir, "ledger"))
	other.Wait = time.Millisecond
	ledger := open(t, other)
	if err := errors.Join(ledger.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	started(t, opts)
}

func TestNetworkNeedsThePassword(t *testing.T) {
	t.Setenv("TEST_SECRET", "s3cret")
	opts := twoPlanes(t)
	opts.Listen, opts.User, opts.PasswordEnv = "127.0.0.1:0", "worker", "TEST_SECRET"
	s := started(t, opts)
	for name, c := range map[string]struct {
		user, password string
		ok             bool
	}{
		"right": {"worker", "s3cret", true}, "wrong": {"worker", "secret", false}, "none": {"worker", "", false},
		"root": {"root", "", false}, "socket user": {wire.SocketUser, "", false}, "nobody": {"", "", false},
	} {
		cfg := mysql.NewConfig()
		cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", s.Addr().String(), c.user, c.password, "ledger"
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(connector)
		var n int
		err = db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM notes").Scan(&n)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if c.ok {
			var text sql.NullString
			err := db.QueryRowContext(t.Context(), "SELECT LOAD_FILE('/etc/hostname')").Scan(&text)
			if text.Valid {
				t.Errorf("a client reads the files of this machine: %q, %v", text.String, err)
			}
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestLend(t *testing.T) {
	opts := twoPlanes(t)
	s := started(t, opts)
	dir := filepath.Join(opts.Dir, "federation")
	if err := Serving(clientOf(opts, "federation")); !errors.Is(err, ErrServed) {
		t.Errorf("serving: %v", err)
	}
	db := open(t, clientOf(opts, "federation"))
	unlock, err := db.Detach()
	if !errors.Is(err, ErrServed) {
		t.Errorf("detached from a served directory: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	give, err := s.Lend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lend(t.Context()); !errors.Is(err, town.ErrBusy) {
		t.Errorf("lent twice: %v", err)
	}
	if db = open(t, clientOf(opts, "federation")); db.served() {
		t.Error("lent, but not opened here")
	}
	put(t, db, "a", "here")
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := give(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("taken back from somebody who has it: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(give(t.Context()), give(t.Context())); err != nil {
		t.Fatal(err)
	}
	if db = open(t, clientOf(opts, "federation")); !db.served() || get(t, db, "a") != "here" {
		t.Error("given back, but not served")
	}
	if err := errors.Join(db.Close(), s.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lend(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("a closed server lends: %v", err)
	}
	if err := give(t.Context()); err != nil || Serving(clientOf(opts, "federation")) != nil {
		t.Errorf("a closed server serves again: %v", err)
	}
	if _, err := Create(t.Context(), options(dir)); !errors.Is(err, os.ErrExist) {
		t.Errorf("created over another: %v", err)
	}
}

// A transaction that is under way when the server stops ends normally.
func TestCloseLetsTransactionsEnd(t *testing.T) {
	opts := twoPlanes(t)
	opts.Grace = time.Minute
	s := started(t, opts)
	db := open(t, clientOf(opts, "ledger"))
	closed := make(chan error, 1)
	commit, err := db.Update(t.Context(), "slow", func(tx *Tx) error {
		if _, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES ('a', 'first')"); err != nil {
			return err
		}
		go func() { closed <- s.Close(context.Background()) }()
		awaitState(t, opts, wire.Stopping)
		// A new one is not begun.
		if err := db.View(t.Context(), func(*Tx) error { return nil }); err != nil && !errors.Is(err, town.ErrBusy) {
			t.Errorf("a view while the server stops: %v", err)
		}
		_, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES ('b', 'second')")
		return err
	})
	if err != nil || commit == "" {
		t.Errorf("%q, %v", commit, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := db.View(t.Context(), func(tx *Tx) error { _, err := tx.Head(t.Context()); return err }); !errors.Is(err, town.ErrBusy) {
		t.Errorf("a view after the server: %v", err)
	}
	_ = db.Close()
	here := open(t, clientOf(opts, "ledger"))
	if get(t, here, "a") != "first" || get(t, here, "b") != "second" {
		t.Error("the transaction was lost")
	}
}

// A transaction that does not end is ended, and nothing of it is stored.
func TestCloseEndsWhatDoesNotEnd(t *testing.T) {
	opts := twoPlanes(t)
	opts.Grace = 20 * time.Millisecond
	s := started(t, opts)
	db := open(t, clientOf(opts, "ledger"))
	_, err := db.Update(t.Context(), "endless", func(tx *Tx) error {
		if _, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES ('a', 'half')"); err != nil {
			return err
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		_, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES ('b', 'half')")
		return err
	})
	if !errors.Is(err, town.ErrBusy) {
		t.Errorf("cut off: %v", err)
	}
	_ = db.Close()
	here := open(t, clientOf(opts, "ledger"))
	if get(t, here, "a") != "" {
		t.Error("half a transaction stayed")
	}
}

func awaitState(t *testing.T, opts ServeOptions, want wire.State) {
	t.Helper()
	eventually(t, func() bool {
		data, err := os.ReadFile(filepath.Join(opts.Dir, opts.Planes[0]) + wire.LockSuffix)
		return err == nil && strings.Contains(string(data), string(want))
	})
}

// eventually waits for a condition.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(2 * time.Minute); !condition(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it never happened")
		}
	}
}

// The engine leaves these goroutines running for the life of the process.
func engineLeaves() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/dolthub/dolt/go/libraries/events.(*sendingThread).run"),
		goleak.IgnoreAnyFunction("github.com/dolthub/dolt/go/libraries/doltcore/doltdb.(*BranchActivityTracker).processEvents"),
		goleak.IgnoreAnyFunction("github.com/dolthub/dolt/go/libraries/doltcore/sqle/binlogreplication.newBinlogStreamerManager.func1"),
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	opts := twoPlanes(t)
	// Goroutines of other tests do not count.
	before := goleak.IgnoreCurrent()
	for range 3 {
		s, err := Serve(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		db := open(t, clientOf(opts, "ledger"))
		put(t, db, "a", "x")
		if err := errors.Join(db.Close(), s.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	var left error
	for deadline := time.Now().Add(time.Minute); ; { // Find itself waits for a second or two
		if left = goleak.Find(append(engineLeaves(), before)...); left == nil || time.Now().After(deadline) {
			break
		}
	}
	if left != nil {
		t.Error(left)
	}
}

// A server that waits to take back a lease still closes at once.
func TestCloseDoesNotWaitForABorrower(t *testing.T) {
	opts := twoPlanes(t)
	opts.Wait = time.Hour
	s := started(t, opts)
	give, err := s.Lend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, options(filepath.Join(opts.Dir, "federation")))
	given := make(chan error, 1)
	go func() { given <- give(context.Background()) }()
	eventually(t, func() bool { // it announces that it waits for the plane
		_, waits, err := lockfile.Look(filepath.Join(opts.Dir, wire.TurnFile))
		return waits && err == nil
	})
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-given; err != nil {
		t.Errorf("given back to a server that was closed: %v", err)
	}
	put(t, db, "a", "still here")
}
