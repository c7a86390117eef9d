package tables

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// notes is the schema of the databases of these tests.
var notes = []doltdb.Migration{{
	Name:       "notes",
	Statements: []string{"CREATE TABLE notes (id VARCHAR(64) PRIMARY KEY, body LONGTEXT NOT NULL)"},
}}

func options(dir string) doltdb.Options {
	return doltdb.Options{Dir: dir, Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: 2 * time.Minute, Command: "test"}
}

func create(t *testing.T, dir string) *doltdb.Shared {
	t.Helper()
	db, err := doltdb.Create(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context(), notes); err != nil {
		t.Fatal(err)
	}
	return doltdb.Share(db)
}

func put(t *testing.T, db *doltdb.Shared, id, body string) {
	t.Helper()
	_, err := db.Update(t.Context(), "put "+id, func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), "REPLACE INTO notes (id, body) VALUES (?, ?)", id, body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, db *doltdb.Shared, id string) (body string) {
	t.Helper()
	err := db.View(t.Context(), func(tx *doltdb.Tx) error {
		return tx.QueryRow(t.Context(), "SELECT body FROM notes WHERE id = ?", id).Scan(&body)
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// twoTowns makes two databases that have exchanged a first row through a mirror.
func twoTowns(t *testing.T) (a, b *doltdb.Shared, mirror string) {
	t.Helper()
	root := t.TempDir()
	mirror = filepath.Join(root, "mirror")
	if err := os.Mkdir(mirror, 0o700); err != nil {
		t.Fatal(err)
	}
	a = create(t, filepath.Join(root, "a", "federation"))
	put(t, a, "shared", "base")
	if err := a.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	b, err := doltdb.Clone(t.Context(), options(filepath.Join(root, "b", "federation")), "origin", mirror)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return a, b, mirror
}
