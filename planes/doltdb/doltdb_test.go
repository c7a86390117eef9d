package doltdb

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town"
)

var notes = []Migration{{
	Name:       "notes",
	Statements: []string{"CREATE TABLE notes (id VARCHAR(64) PRIMARY KEY, body LONGTEXT NOT NULL)"},
}}

func options(dir string) Options {
	return Options{Dir: dir, Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: 20 * time.Second, Command: "test"}
}

func create(t *testing.T, dir string) *Shared {
	t.Helper()
	db, err := Create(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context(), notes); err != nil {
		t.Fatal(err)
	}
	return Share(db)
}

func put(t *testing.T, db *Shared, id, body string) string {
	t.Helper()
	commit, err := db.Update(t.Context(), "put "+id, func(tx *Tx) error {
		_, err := tx.Exec(t.Context(), "REPLACE INTO notes VALUES (?, ?)", id, body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

func get(t *testing.T, db *Shared, id string) (body string) {
	t.Helper()
	err := db.View(t.Context(), func(tx *Tx) error {
		return tx.QueryRow(t.Context(), "SELECT body FROM notes WHERE id = ?", id).Scan(&body)
	})
	if err != nil && !errors.Is(err, ErrNoRows) {
		t.Fatal(err)
	}
	return body
}

func TestUpdateIsOneCommitOrNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.create(t, filepath.Join(t.TempDir(), "federation"))
		before, err := db.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		failure := errors.New("changed my mind")
		_, err = db.Update(t.Context(), "half", func(tx *Tx) error {
			if _, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES ('a', 'x')"); err != nil {
				return err
			}
			return failure
		})
		if !errors.Is(err, failure) {
			t.Fatalf("got %v, want the function's own error", err)
		}
		if got := get(t, db, "a"); got != "" {
			t.Errorf("a failed change left %q", got)
		}
		commit := put(t, db, "a", "y")
		if commit == "" || commit == before {
			t.Errorf("commit %q after %q", commit, before)
		}
		same, err := db.Update(t.Context(), "nothing", func(*Tx) error { return nil })
		if err != nil || same != "" {
			t.Errorf("a change of nothing gave commit %q, %v", same, err)
		}
		var author string
		err = db.View(t.Context(), func(tx *Tx) error {
			return tx.QueryRow(t.Context(), "SELECT CONCAT(committer, ' ', email) FROM dolt_log LIMIT 1").Scan(&author)
		})
		if err != nil || author != "Ada ada@example.com" {
			t.Errorf("committer %q, %v", author, err)
		}
	})
}

// A text of any size comes back as it was written, wherever the engine stored it.
func TestLongTextsAreRead(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.create(t, filepath.Join(t.TempDir(), "federation"))
		for size := 1; size <= town.MaxDocumentBytes; size *= 8 {
			body := strings.Repeat("0123456789abcdef", size/16+1)[:size]
			put(t, db, "long", body)
			if got := get(t, db, "long"); got != body {
				t.Errorf("a text of %d bytes came back with %d", size, len(got))
			}
		}
	})
}

func TestOneOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "federation")
	create(t, dir)
	opts := options(dir)
	opts.Wait = 50 * time.Millisecond
	_, err := OpenShared(t.Context(), opts)
	if !errors.Is(err, town.ErrBusy) {
		t.Fatalf("got %v, want ErrBusy", err)
	}
	if want := fmt.Sprintf("held by pid %d, test", os.Getpid()); !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not name the holder: want %q", err, want)
	}
}

func TestOpenNeverCreatesAndCreateNeverOverwrites(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "federation")
	if _, err := OpenShared(t.Context(), options(dir)); !errors.Is(err, ErrMissing) {
		t.Errorf("open of nothing: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open left something: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(t.Context(), options(dir)); !errors.Is(err, os.ErrExist) {
		t.Errorf("create over something: %v", err)
	}
}

func TestNoUsageReporting(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "federation")
	db := create(t, dir)
	put(t, db, "a", "x")
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.Contains(d.Name(), "metrics") {
			t.Errorf("the engine prepared to report usage: %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsNeededOfAHomeDirectory(t *testing.T) {
	home := filepath.Join(t.TempDir(), "nobody")
	t.Setenv("HOME", home)
	t.Setenv("DOLT_ROOT_PATH", "")
	db := create(t, filepath.Join(t.TempDir(), "data", "federation"))
	put(t, db, "a", "x")
	if _, err := os.Lstat(home); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was made in the home directory: %v", err)
	}
}

func TestLocalDatabaseCannotBeGivenARemote(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "operational")
	db, err := Create(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		"CALL DOLT_REMOTE('add', 'x', 'file:///tmp/x')",
		"  call dolt_remote('add', 'x', 'file:///tmp/x')",
		"/* */ CALL dolt_push('x', 'main')",
		"SELECT 1; CALL DOLT_REMOTE('add', 'x', 'file:///tmp/x')",
		"CALL\tdolt_backup('sync-url', 'file:///tmp/x')",
	} {
		_, err := db.Update(t.Context(), "try", func(tx *Tx) error {
			_, err := tx.Exec(t.Context(), q)
			return err
		})
		if err == nil {
			t.Errorf("%q was carried out", q)
		}
		err = db.View(t.Context(), func(tx *Tx) error {
			return tx.Each(t.Context(), func(*Rows) error { return nil }, q)
		})
		if err == nil {
			t.Errorf("%q was carried out as a query", q)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// A database that was given a remote by other means is not opened.
	shared, err := OpenShared(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	err = shared.administer(t.Context(), func(tx *Tx) error { return tx.pointRemote(t.Context(), "x", t.TempDir()) })
	if err := errors.Join(err, shared.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLocal(t.Context(), options(dir)); !errors.Is(err, town.ErrRefused) {
		t.Errorf("a local plane with a remote opened: %v", err)
	}
}

func TestMigrations(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		dir := filepath.Join(t.TempDir(), "federation")
		db := p.create(t, dir)
		two := append(notes[:1:1], Migration{Name: "more", Statements: []string{"ALTER TABLE notes ADD COLUMN extra INT"}})
		if err := db.Migrate(t.Context(), two); err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(t.Context(), two); err != nil {
			t.Errorf("a second time: %v", err)
		}
		if err := db.Migrate(t.Context(), notes); !errors.Is(err, ErrNewerSchema) {
			t.Errorf("an older program: %v", err)
		}
		altered := []Migration{{Name: "notes", Statements: []string{"CREATE TABLE other (id INT PRIMARY KEY)"}}, two[1]}
		if err := db.Migrate(t.Context(), altered); !errors.Is(err, town.ErrRefused) {
			t.Errorf("an altered step: %v", err)
		}
		broken := append(two[:2:2], Migration{Name: "broken", Statements: []string{"CREATE TABLE half (id INT PRIMARY KEY)", "NONSENSE"}})
		if err := db.Migrate(t.Context(), broken); err == nil {
			t.Error("a broken step succeeded")
		}
		if err := db.Migrate(t.Context(), append(two[:2:2], Migration{Name: "mended", Statements: []string{"CREATE TABLE whole (id INT PRIMARY KEY)"}})); err != nil {
			t.Errorf("a step after one that broke: %v", err)
		}
		err := db.View(t.Context(), func(tx *Tx) error {
			var n int
			if err := tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM schema_migrations").Scan(&n); err != nil || n != 3 {
				return fmt.Errorf("%d steps recorded, %v", n, err)
			}
			if err := tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM half").Scan(&n); err == nil {
				return errors.New("half a step is visible")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// twoTowns makes two databases that have both followed one mirror.
func twoTowns(t *testing.T, p place) (a, b *Shared, mirror string) {
	t.Helper()
	root := t.TempDir()
	mirror = filepath.Join(root, "a mirror é") // a name that must be escaped in a URL
	if err := os.Mkdir(mirror, 0o700); err != nil {
		t.Fatal(err)
	}
	a = p.create(t, filepath.Join(root, "a", "federation"))
	put(t, a, "shared", "base")
	if err := a.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	b, err := Clone(t.Context(), options(filepath.Join(root, "b", "federation")), "origin", mirror)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return a, p.open(t, b.Dir()), mirror
}

func TestMergeAsksForEveryConflict(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		a, b, mirror := twoTowns(t, p)
		put(t, a, "shared", "ours of a")
		put(t, a, "only-a", "x")
		if err := a.Push(t.Context(), "origin", mirror); err != nil {
			t.Fatal(err)
		}
		put(t, b, "shared", "ours of b")
		put(t, b, "only-b", "y")
		if err := b.Push(t.Context(), "origin", mirror); !errors.Is(err, ErrBehind) {
			t.Fatalf("a push that would lose commits: %v", err)
		}
		if _, err := b.Fetch(t.Context(), "origin", mirror); err != nil {
			t.Fatal(err)
		}
		before, err := b.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Merge(t.Context(), Merge{Theirs: Tracking("origin"), Message: "merge",
			Resolve: func(context.Context, *Tx, []string) error { return nil }})
		if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "notes") {
			t.Fatalf("a conflict nobody resolved: %v", err)
		}
		if after, err := b.Head(t.Context()); err != nil || after != before || get(t, b, "shared") != "ours of b" || get(t, b, "only-a") != "" {
			t.Fatalf("a stopped merge changed something: %s -> %s, %v", before, after, err)
		}
		resolve := func(ctx context.Context, tx *Tx, tables []string) error {
			if len(tables) != 1 || tables[0] != "notes" {
				return fmt.Errorf("conflicts in %v", tables)
			}
			var base, ours, theirs string
			row := tx.QueryRow(ctx, "SELECT base_body, our_body, their_body FROM dolt_conflicts_notes")
			if err := row.Scan(&base, &ours, &theirs); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "UPDATE notes SET body = ? WHERE id = 'shared'", base+"|"+ours+"|"+theirs); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "DELETE FROM dolt_conflicts_notes")
			return err
		}
		if _, err := b.Merge(t.Context(), Merge{Theirs: Tracking("origin"), Message: "merge", Resolve: resolve}); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]string{"shared": "base|ours of b|ours of a", "only-a": "x", "only-b": "y"} {
			if got := get(t, b, id); got != want {
				t.Errorf("%s is %q, want %q", id, got, want)
			}
		}
		if err := b.Push(t.Context(), "origin", mirror); err != nil {
			t.Errorf("push after merge: %v", err)
		}
		if _, err := a.Fetch(t.Context(), "origin", mirror); err != nil {
			t.Fatal(err)
		}
		if err := a.FastForward(t.Context(), Tracking("origin")); err != nil {
			t.Fatal(err)
		}
		if got := get(t, a, "only-b"); got != "y" {
			t.Errorf("after fast-forward: %q", got)
		}
	})
}

func TestUnrelatedHistoriesHaveNoBase(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		a, _, mirror := twoTowns(t, p)
		other := p.create(t, filepath.Join(t.TempDir(), "federation"))
		if _, err := other.Fetch(t.Context(), "origin", mirror); err != nil {
			t.Fatal(err)
		}
		err := other.View(t.Context(), func(tx *Tx) error {
			base, err := tx.MergeBase(t.Context(), "HEAD", Tracking("origin"))
			if base != "" {
				t.Errorf("unrelated histories have base %s", base)
			}
			if head, err := tx.Revision(t.Context(), "nowhere/main"); head != "" || err != nil {
				t.Errorf("a revision that is not there: %q %v", head, err)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		_ = a
	})
}

func TestGCKeepsEverything(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.create(t, filepath.Join(t.TempDir(), "federation"))
		for n := range 30 {
			put(t, db, "a", fmt.Sprint(n))
		}
		if err := db.GC(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := get(t, db, "a"); got != "29" {
			t.Errorf("after gc: %q", got)
		}
		put(t, db, "a", "30")
		if done, err := db.MaybeGC(t.Context()); done || err != nil {
			t.Errorf("a small journal was collected: %v %v", done, err)
		}
		random := rand.NewChaCha8([32]byte{})
		body := make([]byte, town.MaxDocumentBytes/2)
		for n := range 2*gcThreshold/town.MaxDocumentBytes + 1 {
			_, _ = random.Read(body) // never fails
			put(t, db, fmt.Sprint("large", n), hex.EncodeToString(body))
		}
		if p.name != here.name {
			if done, err := db.GCAfterWrite(t.Context()); done || err != nil {
				t.Errorf("a command waited for what the server collects: %v %v", done, err)
			}
		}
		if done, err := db.MaybeGC(t.Context()); done == (p.name == "external") || err != nil {
			t.Errorf("a large journal was not collected: %v %v", done, err)
		}
		if done, err := db.MaybeGC(t.Context()); done || err != nil {
			t.Errorf("collected twice: %v %v", done, err)
		}
		if get(t, db, "a") != "30" || len(get(t, db, "large0")) != town.MaxDocumentBytes {
			t.Error("a collection lost something")
		}
	})
}

// Callers that collect at the same time do so one after the other. In the engine each
// would wait for the other, for ever.
func TestCollectionsAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.create(t, filepath.Join(t.TempDir(), "federation"))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var all errgroup.Group
		for n := range 4 {
			all.Go(func() error {
				for range 5 {
					if err := db.GC(ctx); err != nil {
						return err
					}
				}
				return nil
			})
			put(t, db, "a", fmt.Sprint(n))
		}
		if err := all.Wait(); err != nil {
			t.Error(err)
		}
		if got := get(t, db, "a"); got != "3" {
			t.Errorf("after gc: %q", got)
		}
	})
}

// Each fetch leaves a table file that stays open. MaybeGC collects those too.
func TestGCOfManyTableFiles(t *testing.T) {
	dir, mirror := t.TempDir(), filepath.Join(t.TempDir(), "mirror")
	if err := os.Mkdir(mirror, 0o700); err != nil {
		t.Fatal(err)
	}
	writer := create(t, filepath.Join(dir, "writer"))
	reader := create(t, filepath.Join(dir, "reader"))
	tables := func() int {
		all, err := filepath.Glob(filepath.Join(dir, "reader", engine.StoreDir, strings.Repeat("[0-9a-v]", len(engine.Journal))+"*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	for n := 0; tables() <= gcTables+1; n++ { // the journal is one more
		if n > 2*gcTables {
			t.Fatalf("%d fetches left %d files: there is no need to collect them", n, tables())
		}
		if done, err := reader.MaybeGC(t.Context()); done || err != nil {
			t.Fatalf("%d files were collected: %v %v", tables(), done, err)
		}
		put(t, writer, "a", fmt.Sprint(n))
		if err := writer.Push(t.Context(), "origin", mirror); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.Fetch(t.Context(), "origin", mirror); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := reader.MaybeGC(t.Context()); !done || err != nil {
		t.Errorf("%d files: %v %v", tables(), done, err)
	}
	if n := tables(); n > 2 {
		t.Errorf("%d files are left", n)
	}
}
