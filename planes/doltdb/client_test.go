package doltdb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
)

// Ten writers with a connection each add to one number. No addition is lost,
// and no writer gives up.
func TestWritersFollowEachOther(t *testing.T) {
	const writers, each = 10, 50
	everywhere(t, func(t *testing.T, p place) {
		dir := filepath.Join(t.TempDir(), "ledger")
		db := p.create(t, dir)
		put(t, db, "n", "0")
		var all errgroup.Group
		for w := range writers {
			// Where a server has the database each is a client of its own.
			mine := &db.Local
			if db.served() {
				var err error
				if mine, err = OpenLocal(t.Context(), db.opts); err != nil {
					t.Fatal(err)
				}
				defer mine.Close()
			}
			all.Go(func() error {
				for n := range each {
					_, err := mine.Update(t.Context(), "add", func(tx *Tx) error {
						var is int
						if err := tx.QueryRow(t.Context(), "SELECT body FROM notes WHERE id = 'n'").Scan(&is); err != nil {
							return err
						}
						_, err := tx.Exec(t.Context(), "UPDATE notes SET body = ? WHERE id = 'n'", fmt.Sprint(is+1))
						return err
					})
					if err != nil {
						return fmt.Errorf("writer %d, step %d: %w", w, n, err)
					}
				}
				return nil
			})
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
		if got := get(t, db, "n"); got != fmt.Sprint(writers*each) {
			t.Errorf("%s of %d additions are left", got, writers*each)
		}
	})
}

// When a program that does not know gt's lock changes the same row, the change
// is made again on top of it.
func TestUpdateIsMadeAgainOverAStrangers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	made(t, dir)
	opts := serve(t, dir)
	db := open(t, opts)
	put(t, db, "n", "0")
	runs := 0
	_, err := db.Update(t.Context(), "ours", func(tx *Tx) error {
		runs++
		var is string
		if err := tx.QueryRow(t.Context(), "SELECT body FROM notes WHERE id = 'n'").Scan(&is); err != nil {
			return err
		}
		if runs == 1 {
			err := db.administer(t.Context(), func(tx *Tx) error {
				_, err := tx.Exec(t.Context(), "UPDATE notes SET body = 'theirs' WHERE id = 'n'")
				return err
			})
			if err != nil {
				return err
			}
		}
		_, err := tx.Exec(t.Context(), "UPDATE notes SET body = ? WHERE id = 'n'", is+"+ours")
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("%d runs, %v", runs, err)
	}
	if got := get(t, db, "n"); got != "theirs+ours" {
		t.Errorf("got %q", got)
	}
}

// A writer whose wait times out says so, and does not block the next one.
func TestWaitingForAWriterEnds(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		dir := filepath.Join(t.TempDir(), "ledger")
		db := p.create(t, dir)
		if !db.served() {
			return // waits as long as its context lasts
		}
		impatient, err := OpenLocal(t.Context(), db.opts)
		if err != nil {
			t.Fatal(err)
		}
		defer impatient.Close()
		impatient.opts.Wait = lockPoll
		write := func(db *Local, id string, within func()) error {
			_, err := db.Update(t.Context(), "put", func(tx *Tx) error {
				within()
				_, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES (?, 'x')", id)
				return err
			})
			return err
		}
		err = write(&db.Local, "a", func() {
			if err := write(impatient, "b", func() {}); !errors.Is(err, town.ErrBusy) {
				t.Errorf("wrote beside another, or failed otherwise: %v", err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			if err := write(impatient, fmt.Sprint("c", n), func() {}); err != nil {
				t.Error(err)
			}
			if err := write(&db.Local, fmt.Sprint("d", n), func() {}); err != nil {
				t.Error(err)
			}
		}
	})
}

// Everything fn reads in one View is of one moment.
func TestViewIsASnapshot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	made(t, dir)
	opts := serve(t, dir)
	db, err := OpenLocal(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	shared := &Shared{*db}
	put(t, shared, "a", "1")
	err = db.View(t.Context(), func(tx *Tx) error {
		head, err := tx.Head(t.Context())
		if err != nil {
			return err
		}
		put(t, shared, "a", "2")
		var a string
		if err := tx.QueryRow(t.Context(), "SELECT body FROM notes WHERE id = 'a'").Scan(&a); err != nil {
			return err
		}
		if now, err := tx.Head(t.Context()); err != nil || a != "1" || now != head {
			t.Errorf("within the view it became %q at %s (was %s), %v", a, now, head, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, shared, "a"); got != "2" {
		t.Errorf("after the view: %q", got)
	}
}

// Nothing that was done in a session is visible to the next user of its connection.
func TestSessionsLeaveNothingBehind(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "federation")
	made(t, dir)
	opts := serve(t, dir)
	opts.Pool = Pool{MaxOpen: 1, MaxIdle: 1}
	db := open(t, opts)
	ctx := t.Context()
	failure := errors.New("no")
	for name, use := range map[string]func() error{
		"view":   func() error { return db.View(ctx, func(tx *Tx) error { _, err := tx.Head(ctx); return err }) },
		"failed": func() error { return db.View(ctx, func(*Tx) error { return failure }) },
		"update": func() error {
			_, err := db.Update(ctx, "x", func(tx *Tx) error {
				_, err := tx.Exec(ctx, "REPLACE INTO notes VALUES ('a', UUID())")
				return err
			})
			return err
		},
		"failed update": func() error {
			_, err := db.Update(ctx, "x", func(tx *Tx) error {
				_, err := tx.Exec(ctx, "REPLACE INTO notes VALUES ('lost', '1')")
				return errors.Join(err, failure)
			})
			return err
		},
		"variables": func() error {
			return db.View(ctx, func(tx *Tx) error {
				for _, q := range []string{"SET autocommit = 1", "SET @mine = 7", "SET sql_mode = 'ANSI_QUOTES'", "CREATE TEMPORARY TABLE mine (a INT)"} {
					if _, err := tx.Exec(ctx, q); err != nil {
						return err
					}
				}
				return nil
			})
		},
		"variable in a select": func() error {
			return db.View(ctx, func(tx *Tx) error { _, err := tx.Exec(ctx, "SELECT 7 INTO @mine"); return err })
		},
		"merge": func() error {
			_, err := db.Merge(ctx, Merge{Theirs: "HEAD", Message: "m", Resolve: func(context.Context, *Tx, []string) error { return nil }})
			return err
		},
		"branch": func() error {
			return db.administer(ctx, func(tx *Tx) error { return tx.call(ctx, "CALL DOLT_CHECKOUT('-b', ?)", "b"+migrationBranch) })
		},
		"database": func() error {
			return db.View(ctx, func(tx *Tx) error { _, err := tx.Exec(ctx, "USE information_schema"); return err })
		},
	} {
		if err := use(); err != nil && !errors.Is(err, failure) {
			t.Errorf("%s: %v", name, err)
		}
		err := db.View(ctx, func(tx *Tx) error {
			var autocommit, conflicts int
			var branch, database, mode string
			var mine any
			err := tx.conn.QueryRowContext(ctx, "SELECT @@autocommit, @@dolt_allow_commit_conflicts, ACTIVE_BRANCH(), DATABASE(), @@sql_mode, @mine").
				Scan(&autocommit, &conflicts, &branch, &database, &mode, &mine)
			if err != nil {
				return err
			}
			if autocommit != 0 || conflicts != 0 || branch != Branch || database != "federation" || strings.Contains(mode, "ANSI_QUOTES") || mine != nil {
				t.Errorf("after %s: autocommit %d, conflicts %d, branch %s, database %s, mode %s, variable %v",
					name, autocommit, conflicts, branch, database, mode, mine)
			}
			var free int
			if err := tx.conn.QueryRowContext(ctx, "SELECT IS_FREE_LOCK(?)", wire.WriteLock(db.opts.name())).Scan(&free); err != nil || free != 1 {
				t.Errorf("after %s: the write lock is held (%v)", name, err)
			}
			if _, err := tx.Exec(ctx, "SELECT * FROM mine"); err == nil {
				t.Errorf("after %s: a temporary table is left", name)
			}
			return nil
		})
		if err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	if got := get(t, db, "lost"); got != "" {
		t.Errorf("a failed change left %q", got)
	}
	if n := db.sql.Stats().OpenConnections; n > minConns {
		t.Errorf("%d connections are open, not %d", n, minConns)
	}
}

// One caller at a time has a shared database open, through a server too; any
// number have a local one open.
func TestSharedIsExclusive(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		dir := filepath.Join(t.TempDir(), "federation")
		db := p.create(t, dir)
		opts := db.opts
		opts.Wait = lockPoll
		if _, err := OpenShared(t.Context(), opts); !errors.Is(err, town.ErrBusy) {
			t.Errorf("opened twice: %v", err)
		}
		if local, err := OpenLocal(t.Context(), opts); db.served() && err != nil {
			t.Errorf("a local one beside: %v", err)
		} else if err == nil {
			_ = local.Close()
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		opts.Wait = db.opts.Wait
		again, err := OpenShared(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A garbage collection runs while others work, and does not disturb them.
func TestCollectionBesideClients(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	made(t, dir)
	opts := serve(t, dir)
	collector := open(t, opts)
	ctx, cancel := context.WithCancel(t.Context())
	var all errgroup.Group
	var kept [4]atomic.Int64
	for w := range kept {
		db, err := OpenLocal(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		all.Go(func() error {
			for ; ctx.Err() == nil; kept[w].Add(1) {
				// One connection is held across the collection, within a
				// transaction.
				_, err := db.Update(t.Context(), "w", func(tx *Tx) error {
					for part := range 5 {
						if _, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES (?, ?)", fmt.Sprint(w, "-", kept[w].Load(), "-", part), strings.Repeat("x", 5000)); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	eventually(t, func() bool { return kept[0].Load() > 0 }) // however slow the clients are
	var failed error
	for range 5 {
		failed = errors.Join(failed, collector.GC(t.Context()))
	}
	cancel()
	if err := errors.Join(failed, all.Wait()); err != nil {
		t.Fatal(err)
	}
	var rows int64
	err := collector.View(t.Context(), func(tx *Tx) error {
		return tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM notes").Scan(&rows)
	})
	want := 5 * (kept[0].Load() + kept[1].Load() + kept[2].Load() + kept[3].Load())
	if err != nil || rows != want || want == 0 {
		t.Errorf("%d rows of %d, %v", rows, want, err)
	}
}

func TestCreateOnAnExternalServer(t *testing.T) {
	root := t.TempDir()
	made(t, filepath.Join(root, "first"))
	opts := stock(t, filepath.Join(root, "first"))
	opts.Dir = filepath.Join(t.TempDir(), "ledger")
	if _, err := OpenLocal(t.Context(), opts); !errors.Is(err, ErrMissing) {
		t.Errorf("open of nothing: %v", err)
	}
	db, err := CreateStore(t.Context(), opts, "uuid", notes)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(t.Context(), opts); err == nil {
		t.Error("created over another")
	}
	if db, err = OpenLocal(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if err := db.Accept(t.Context(), "uuid", notes); err != nil {
		t.Fatal(err)
	}
	if err := db.Accept(t.Context(), "other", notes); !errors.Is(err, ErrOtherStore) {
		t.Errorf("another store: %v", err)
	}
	opts.External.Address = "127.0.0.1:1"
	if _, err := OpenLocal(t.Context(), opts); err == nil || !strings.Contains(town.Next(err), "dolt.host") {
		t.Errorf("no server: %v (next: %s)", err, town.Next(err))
	}
	if _, err := Clone(t.Context(), opts, "origin", t.TempDir()); err == nil {
		t.Error("cloned from nothing")
	}
}

// An external server on another machine has its own directory where this one
// has its mirror. Here the mirror is moved instead.
func TestExternalServerWithAnotherMirror(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "federation")
	made(t, dir)
	mirror := filepath.Join(t.TempDir(), "mirror")
	if err := os.Mkdir(mirror, 0o700); err != nil {
		t.Fatal(err)
	}
	db := open(t, stock(t, dir))
	if _, err := db.Fetch(t.Context(), "origin", mirror); !errors.Is(err, ErrNoBranch) {
		t.Errorf("an empty mirror: %v", err)
	}
	if err := db.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	head, err := db.Fetch(t.Context(), "origin", mirror)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.sameMirror(t.Context(), mirror, head); err != nil {
		t.Error(err)
	}
	other := put(t, db, "a", "1")
	if err := db.sameMirror(t.Context(), mirror, other); !errors.Is(err, ErrUnreachable) || !strings.Contains(town.Next(err), "dolt.host") {
		t.Errorf("%v (next: %s)", err, town.Next(err))
	}
}

// A server that closes the connection during the handshake counts as no server:
// the command opens the database itself.
func TestServerEndsInItsGreeting(t *testing.T) {
	const protocol41, secureConnection = 0x0200, 0x8000
	greeting := append([]byte{10}, "8.0.33\x00"...)
	greeting = append(greeting, 1, 0, 0, 0)
	greeting = append(greeting, "saltsalt\x00"...)
	greeting = binary.LittleEndian.AppendUint16(greeting, protocol41|secureConnection)
	greeting = append(greeting, make([]byte, 16)...) // no more than is needed
	greeting = append(greeting, "saltsaltsalt\x00"...)
	packet := append([]byte{byte(len(greeting)), 0, 0, 0}, greeting...)

	dir := filepath.Join(t.TempDir(), "ledger")
	made(t, dir)
	opts := options(dir)
	opts.Socket = filepath.Join(shortDir(t), "sql.sock")
	server, err := net.Listen("unix", opts.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var greeted atomic.Int64
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			// From here on everything the client writes fails.
			if err := conn.(*net.UnixConn).CloseRead(); err != nil {
				return
			}
			if _, err := conn.Write(packet); err == nil {
				greeted.Add(1)
			}
			defer conn.Close()
		}
	}()
	db := open(t, opts)
	if db.served() || greeted.Load() == 0 {
		t.Errorf("served: %t, greeted %d times", db.served(), greeted.Load())
	}
}
