package copies_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/copies"
	"gastown/planes/doltdb/tables"
	"gastown/town"
	"gastown/town/group"
)

func options(dir string) doltdb.Options {
	return doltdb.Options{Dir: dir, Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}}
}

// made is a database with a table of notes.
func made(t *testing.T, dir string) *doltdb.Local {
	t.Helper()
	db, err := doltdb.Create(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	exec(t, db, "CREATE TABLE notes (name VARCHAR(64) PRIMARY KEY, body TEXT)")
	return db
}

func exec(t *testing.T, db *doltdb.Local, statement string, args ...any) {
	t.Helper()
	if _, err := db.Update(t.Context(), "change", func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), statement, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func rows(t *testing.T, db *doltdb.Local) (n int) {
	t.Helper()
	if err := db.View(t.Context(), func(tx *doltdb.Tx) error {
		return tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM notes").Scan(&n)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func size(t *testing.T, dir string, files []copies.TableFile) (n int64) {
	t.Helper()
	for _, f := range files {
		info, err := os.Stat(filepath.Join(dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

// known are the addresses of files.
func known(t *testing.T, dir string, files []copies.TableFile) copies.Addresses {
	t.Helper()
	all := copies.Addresses{}
	for _, f := range files {
		list, err := copies.List(filepath.Join(dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		if err := all.Add(list); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// placed makes a database of files and opens it as a plane is opened.
func placed(t *testing.T, name, from, root string, files []copies.TableFile, small map[string]string) (*doltdb.Local, []copies.Table) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	store := filepath.Join(dir, copies.StoreDir)
	if err := os.MkdirAll(store, 0o700); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		if err := os.Link(filepath.Join(from, f.Name), filepath.Join(store, f.Name)); err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
	}
	if err := tables.Verify(t.Context(), store, names); err != nil {
		t.Fatal(err)
	}
	d, err := copies.Place(t.Context(), name, dir, root, files, small)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := d.Tables(t.Context())
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	db, err := doltdb.OpenLocal(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, list
}

func taken(t *testing.T, dirs ...string) *copies.Moment {
	t.Helper()
	var sources []copies.Source
	for _, d := range dirs {
		sources = append(sources, copies.Source{Name: filepath.Base(d), Dir: d})
	}
	m, err := copies.Take(t.Context(), sources, filepath.Join(filepath.Dir(dirs[0]), "scratch"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// A copy is what the database was: also with the history and rows that nobody has
// committed, before and after a garbage collection. The second copy has only what
// changed.
func TestACopyHasEverything(t *testing.T) {
	root, out := t.TempDir(), t.TempDir()
	dir := filepath.Join(root, "ledger")
	db := made(t, dir)
	for n := range 100 {
		if err := db.Write(t.Context(), func(tx *doltdb.Tx) error {
			_, err := tx.Exec(t.Context(), "REPLACE INTO notes VALUES (?, ?)", fmt.Sprintf("n%05d", n), fmt.Sprint("text of some length ", n))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, db, "INSERT INTO notes SELECT CONCAT('m', name, a.x), REPEAT(UUID(), 20) FROM notes, (SELECT 1 AS x UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8) a")
	if err := db.Write(t.Context(), func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES ('uncommitted', 'dear')")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	want := rows(t, db)

	m := taken(t, dir)
	one := m.Databases[0]
	first, err := one.Write(t.Context(), out, nil)
	if err != nil {
		t.Fatal(err)
	}
	list, head, err := one.Tables(t.Context())
	if err != nil || len(list) != 1 || list[0].Rows != uint64(want) {
		t.Fatalf("%v %v, want %d rows", list, err, want)
	}
	copied, again := placed(t, "ledger", out, one.Root, first, one.Settings)
	if got := rows(t, copied); got != want || !slices.Equal(list, again) {
		t.Errorf("%d rows of %d, %v, %v", got, want, list, again)
	}
	if h, err := copied.Head(t.Context()); err != nil || h != head {
		t.Errorf("head %s, %v, want %s", h, err, head)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}

	exec(t, db, "REPLACE INTO notes VALUES ('n00001', 'changed')")
	if err := db.GC(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, db, "REPLACE INTO notes VALUES ('n00002', 'changed')")
	m = taken(t, dir)
	one = m.Databases[0]
	second, err := one.Write(t.Context(), out, known(t, out, first))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the first copy has %d bytes, the second adds %d", size(t, out, first), size(t, out, second))
	if 4*size(t, out, second) > size(t, out, first) {
		t.Errorf("the second copy adds %d bytes to %d", size(t, out, second), size(t, out, first))
	}
	copied, _ = placed(t, "ledger", out, one.Root, append(first, second...), one.Settings)
	if got := rows(t, copied); got != want {
		t.Errorf("%d rows of %d", got, want)
	}
	lacking := filepath.Join(t.TempDir(), "ledger")
	if err := os.MkdirAll(filepath.Join(lacking, copies.StoreDir), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range second {
		if err := os.Link(filepath.Join(out, f.Name), filepath.Join(lacking, copies.StoreDir, f.Name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := copies.Place(t.Context(), "ledger", lacking, one.Root, second, one.Settings); !errors.Is(err, copies.ErrCorrupt) {
		t.Errorf("a copy without its first files: %v", err)
	}
}

// A moment is one of all databases: a writer that writes a number here and then there
// is never seen the other way round, whoever collects garbage meanwhile.
func TestAMomentIsOneOfAllDatabases(t *testing.T) {
	root := t.TempDir()
	dirs := []string{filepath.Join(root, "a"), filepath.Join(root, "b")}
	dbs := []*doltdb.Local{made(t, dirs[0]), made(t, dirs[1])}
	ctx, stop := context.WithCancel(t.Context())
	all, writing := group.WithContext(ctx)
	var acknowledged atomic.Int64
	all.Go(func() error {
		for n := 1; writing.Err() == nil; n++ {
			for _, db := range dbs {
				_, err := db.Update(writing, "count", func(tx *doltdb.Tx) error {
					_, err := tx.Exec(writing, "INSERT INTO notes VALUES (?, 'x')", fmt.Sprintf("%06d", n))
					return err
				})
				if writing.Err() != nil {
					return nil
				}
				if err != nil {
					return err
				}
			}
			acknowledged.Store(int64(n))
			if n%40 == 0 {
				if err := dbs[n%2].GC(writing); err != nil && writing.Err() == nil {
					return err
				}
			}
		}
		return nil
	})
	looks := 0
	for range 15 {
		before := uint64(acknowledged.Load())
		m := taken(t, dirs...)
		var counts []uint64
		for _, d := range m.Databases {
			list, _, err := d.Tables(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			counts = append(counts, list[0].Rows)
			if _, err := d.Complete(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := counts[0], counts[1]; b < before || a < b || a > b+1 {
			t.Errorf("%d and %d rows, of which %d were acknowledged before", a, b, before)
		}
		looks += m.Looks
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("%d rows were written; 15 moments took %d looks", acknowledged.Load(), looks)
}

// State changes with every write, and with nothing else.
func TestStateFollowsWrites(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	db := made(t, dir)
	state := func() string {
		s, err := copies.State([]copies.Source{{Name: "ledger", Dir: dir}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := state()
	_ = rows(t, db)
	if state() != before {
		t.Error("reading changed the state")
	}
	exec(t, db, "INSERT INTO notes VALUES ('a', 'b')")
	if state() == before {
		t.Error("writing did not change the state")
	}
}
