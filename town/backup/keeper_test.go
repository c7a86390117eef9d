package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/copies"
	"gastown/town"
)

// harness is a Town of two small databases with a directory for backups.
type harness struct {
	*Keeper
	t    *testing.T
	root string
	dest string
	now  time.Time
}

func options(dir string) doltdb.Options {
	return doltdb.Options{Dir: dir, Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: 2 * time.Minute}
}

var planeNames = []string{"ledger", "operational"}

func (h *harness) plane(name string) string { return filepath.Join(h.Root, ".gt", "data", name) }

func keeperAt(h *harness) *Keeper {
	root := h.root
	return &Keeper{
		Town: "2f9c", TownName: "test", Version: "1", Root: filepath.Join(root, "town"), Dir: filepath.Join(root, "town", ".gt", "backups"),
		Retired: filepath.Join(root, "town", ".gt", "retired"), Lock: filepath.Join(root, "town", ".gt", "locks", "backup.lock"),
		Plain: []string{"config", "federation"}, Omit: func(p string) bool { return strings.HasSuffix(p, ".secret") },
		Destinations: []Destination{{Name: "one", Where: h.dest, Store: Directory{Dir: h.dest}}},
		Retention:    Retention{Databases: 30 * 24 * time.Hour, Files: 90 * 24 * time.Hour},
		Examine: func(ctx context.Context, _, dir string) error {
			db, err := doltdb.OpenLocal(ctx, options(dir))
			if err != nil {
				return err
			}
			return errors.Join(db.ReadAll(ctx), db.Close())
		},
		Own: func(ctx context.Context) (func() error, error) {
			var all []func() error
			release := func() (err error) {
				for _, r := range all {
					err = errors.Join(err, r())
				}
				return err
			}
			for _, p := range h.Planes {
				r, err := doltdb.LockDirectory(ctx, options(p.Dir))
				if err != nil {
					return nil, errors.Join(err, release())
				}
				all = append(all, r)
			}
			return release, nil
		},
		Wait: 2 * time.Minute,
	}
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	return newHarnessIn(t, t.TempDir())
}

func newHarnessIn(t *testing.T, root string) *harness {
	t.Helper()
	h := &harness{t: t, root: root, dest: filepath.Join(root, "dest"), now: time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)}
	h.Keeper = keeperAt(h)
	h.Now = func() time.Time { h.now = h.now.Add(time.Second); return h.now }
	for _, name := range planeNames {
		dir := h.plane(name)
		if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
			t.Fatal(err)
		}
		db, err := doltdb.Create(t.Context(), options(dir))
		if err != nil {
			t.Fatal(err)
		}
		h.exec(db, "CREATE TABLE notes (name VARCHAR(64) PRIMARY KEY, body TEXT)")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		h.Planes = append(h.Planes, Source{Source: copies.Source{Name: name, Dir: dir}, Store: "store-" + name})
		h.write("config/"+name+".yaml", "setting of "+name)
	}
	h.put("first")
	return h
}

func (h *harness) exec(db *doltdb.Local, statement string, args ...any) {
	h.t.Helper()
	if _, err := db.Update(h.t.Context(), "change", func(tx *doltdb.Tx) error {
		_, err := tx.Exec(h.t.Context(), statement, args...)
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) write(path, text string) {
	h.t.Helper()
	at := filepath.Join(h.Root, path)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// put writes a row with a name into both databases.
func (h *harness) put(name string) {
	h.t.Helper()
	for _, p := range h.Planes {
		h.with(p.Name, func(db *doltdb.Local) { h.exec(db, "REPLACE INTO notes VALUES (?, ?)", name, "body of "+name) })
	}
}

func (h *harness) with(plane string, fn func(*doltdb.Local)) {
	h.t.Helper()
	db, err := doltdb.OpenLocal(h.t.Context(), options(h.plane(plane)))
	if err != nil {
		h.t.Fatal(err)
	}
	fn(db)
	if err := db.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// names are the rows of a database.
func (h *harness) names(plane string) (all []string) {
	h.t.Helper()
	h.with(plane, func(db *doltdb.Local) {
		if err := db.View(h.t.Context(), func(tx *doltdb.Tx) error {
			return tx.Each(h.t.Context(), func(r *doltdb.Rows) error {
				var name string
				err := r.Scan(&name)
				all = append(all, name)
				return err
			}, "SELECT name FROM notes ORDER BY name")
		}); err != nil {
			h.t.Fatal(err)
		}
	})
	return all
}

// take takes a point, which must succeed.
func (h *harness) take(kind Kind) Taken {
	h.t.Helper()
	all, err := h.Take(h.t.Context(), kind, false)
	if err != nil || len(all) == 0 {
		h.t.Fatal(all, err)
	}
	for _, t := range all {
		if t.Err != nil {
			h.t.Fatal(t.Err)
		}
	}
	return all[0]
}

func (h *harness) to() Destination { return h.Destinations[0] }

func (h *harness) entry(name string) Entry {
	h.t.Helper()
	e, err := h.Choose(h.t.Context(), h.to(), Databases, name, time.Time{})
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func (h *harness) restore(name, plane string) Restored {
	h.t.Helper()
	out, err := h.Restore(h.t.Context(), h.to(), h.entry(name), plane)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A restored Town is what it was when the point was taken. What was replaced is kept, and
// the locks are the same ones.
func TestRestoreBringsBackTheMoment(t *testing.T) {
	h := newHarness(t)
	first := h.take(Databases)
	if first.Point == nil || first.Point.Added == 0 {
		t.Fatal(first)
	}
	h.put("second")
	second := h.take(Databases)
	if second.Point.Added >= first.Point.Added {
		t.Errorf("the first point added %d bytes, the second %d", first.Point.Added, second.Point.Added)
	}
	if again := h.take(Databases); !again.Unchanged {
		t.Error("a point of nothing new was taken")
	}
	h.put("third")
	out := h.restore(first.Point.Name, "")
	equal(t, h.names("ledger"), "first")
	equal(t, h.names("operational"), "first")
	if len(out.Changes) != 2 || out.Changes[0].Then != 1 || out.Changes[0].Now != 3 {
		t.Errorf("changes: %v", out.Changes)
	}
	db, err := doltdb.OpenLocal(t.Context(), options(filepath.Join(out.Kept, "ledger")))
	if err != nil {
		t.Fatalf("what was replaced: %v", err)
	}
	_ = db.Close()

	// One plane, from a younger point; and on from there.
	h.restore(second.Point.Name, "ledger")
	equal(t, h.names("ledger"), "first", "second")
	equal(t, h.names("operational"), "first")
	h.put("fourth")
	third := h.take(Databases)
	h.restore(third.Point.Name, "")
	equal(t, h.names("ledger"), "first", "fourth", "second")
	if v, err := h.Verify(t.Context(), h.to(), third.Point.Name, true); err != nil || v.Point == nil {
		t.Error(err)
	}
	if e := h.entry(""); e.Name != third.Point.Name || e.Proven.IsZero() {
		t.Errorf("newest is %+v", e)
	}
}

// A point of another database is not restored.
func TestOtherDatabasesAreRefused(t *testing.T) {
	h := newHarness(t)
	p := h.take(Databases).Point
	h.Planes[0].Store = "another"
	if _, err := h.Restore(t.Context(), h.to(), h.entry(p.Name), ""); !errors.Is(err, town.ErrRefused) || town.Next(err) == "" {
		t.Error(err)
	}
	h.Town = "other"
	if _, err := h.List(t.Context(), h.to()); !errors.Is(err, town.ErrRefused) {
		t.Error(err)
	}
}

// Whatever is done to a file of a point is seen before anything is replaced, and the next
// point does not build on it.
func TestDamageIsSeenBeforeAnythingIsReplaced(t *testing.T) {
	for what, harm := range map[string]func(path string, text []byte) error{
		"gone":      func(path string, _ []byte) error { return os.Remove(path) },
		"cut short": func(path string, text []byte) error { return os.WriteFile(path, text[:len(text)-1], 0o600) },
		"empty":     func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
		"altered": func(path string, text []byte) error {
			text[len(text)/2] ^= 1
			return os.WriteFile(path, text, 0o600)
		},
		"a link": func(path string, text []byte) error {
			return errors.Join(os.WriteFile(path+".x", text, 0o600), os.Remove(path), os.Symlink(path+".x", path))
		},
	} {
		t.Run(what, func(t *testing.T) {
			h := newHarness(t)
			first := h.take(Databases).Point
			h.put("second")
			point := h.take(Databases).Point
			keys := []string{pointKey(point.Name)}
			for _, i := range point.Items() {
				keys = append(keys, i.Key)
			}
			for _, key := range keys {
				path := filepath.Join(h.dest, key)
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := harm(path, slices.Clone(text)); err != nil {
					t.Fatal(err)
				}
				if e, err := h.Choose(t.Context(), h.to(), Databases, point.Name, time.Time{}); err == nil {
					_, err = h.Restore(t.Context(), h.to(), e, "")
					if !errors.Is(err, ErrDamaged) {
						t.Errorf("%s: %v", key, err)
					}
				} else if !errors.Is(err, ErrNoPoint) && !errors.Is(err, ErrDamaged) {
					t.Errorf("%s: %v", key, err)
				}
				equal(t, h.names("ledger"), "first", "second")
				_, err = h.Verify(t.Context(), h.to(), point.Name, true)
				if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNoPoint) {
					t.Errorf("%s: verify says %v", key, err)
				}
				// The next run sees to it that there is a point that holds everything, though
				// nothing has changed.
				h.take(Databases)
				if _, err := h.Verify(t.Context(), h.to(), h.entry("").Name, true); err != nil {
					t.Errorf("%s: the newest point: %v", key, err)
				}
				_ = os.Remove(path + ".x")
				_ = os.Remove(path)
				if err := os.WriteFile(path, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := h.Verify(t.Context(), h.to(), first.Name, true); err != nil {
				t.Error(err)
			}
		})
	}
}

// Plain files are in points of their own, without secrets.
func TestPlainFiles(t *testing.T) {
	h := newHarness(t)
	h.write("config/token.secret", "hunter2")
	h.write("federation/roles/mayor.md", "the mayor")
	p := h.take(Files).Point
	if len(p.Files) != 3 {
		t.Errorf("files %v", p.Files)
	}
	if again := h.take(Files); !again.Unchanged {
		t.Error("a point of nothing new was taken")
	}
	h.write("federation/roles/mayor.md", "the new mayor")
	second := h.take(Files).Point
	if second == nil || second.Added != int64(len("the new mayor")) {
		t.Errorf("%+v", second)
	}
	if _, err := h.Verify(t.Context(), h.to(), second.Name, true); err != nil {
		t.Error(err)
	}
}

// A directory that did not hear of a promotion takes points beside the active one: those
// of the directory that is asked for count, and others only when it has none.
func TestPointsOfTwoDirectories(t *testing.T) {
	h := newHarness(t)
	names := map[string]string{}
	for _, by := range []string{"a", "b", "a"} {
		h.Instance = by
		h.put("by " + by + names[by])
		names[by] = h.take(Databases).Point.Name
	}
	newest := names["a"]
	for instance, want := range map[string]string{"a": newest, "b": names["b"], "c": newest, "": newest} {
		if e, err := h.Newest(t.Context(), h.to(), Databases, instance); err != nil || e.Name != want {
			t.Errorf("the newest of %q is %s, %v, want %s", instance, e.Name, err, want)
		}
		h.Instance = instance
		if e := h.entry(""); e.Name != want {
			t.Errorf("in the directory %q a restore takes %s, want %s", instance, e.Name, want)
		}
	}
	h.Passive = town.ErrRefused
	if _, err := h.Take(t.Context(), Databases, true); !errors.Is(err, town.ErrRefused) {
		t.Errorf("a directory that is not the active one takes a point: %v", err)
	}
	if _, err := h.Prune(t.Context()); !errors.Is(err, town.ErrRefused) {
		t.Errorf("a directory that is not the active one prunes: %v", err)
	}
}

// A point that holds more than any backup takes, written by somebody who can write the
// destination, replaces nothing.
func TestRestoreOfForeignPaths(t *testing.T) {
	for _, path := range []string{".gt/hooks/run", "config.sh", "configs/a", "config/token.secret"} {
		h := newHarness(t)
		p := h.take(Files).Point
		p.Files[0].Path = path
		text, err := p.encode()
		if err == nil {
			err = os.WriteFile(filepath.Join(h.dest, pointKey(p.Name)), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := h.Choose(t.Context(), h.to(), Files, p.Name, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		h.write("config/ledger.yaml", "changed")
		if _, err := h.RestoreFiles(t.Context(), h.to(), e, false); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := os.Lstat(filepath.Join(h.Root, path)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", path, err)
		}
	}
}
