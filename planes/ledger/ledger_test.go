package ledger

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
	"gastown/town"
)

const (
	uuid  = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a13"
	other = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a14"
)

func options(dir string) doltdb.Options {
	return doltdbtest.Reach(doltdb.Options{
		Dir: dir, Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: 2 * time.Minute, Command: "test",
	})
}

func TestCreateThenOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "ledger")
	s, err := Create(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.Head(t.Context())
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := Create(t.Context(), options(dir), other); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made over another: %v", err)
	}
	if _, err := Open(t.Context(), options(dir), other); !errors.Is(err, doltdb.ErrOtherStore) {
		t.Errorf("another store was opened: %v", err)
	}

	s, err = Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if after, err := s.Head(t.Context()); err != nil || after != before {
		t.Errorf("opening wrote something: %s after %s, %v", after, before, err)
	}
	var tables []string
	err = s.db.View(t.Context(), func(tx *doltdb.Tx) error {
		if got, err := tx.StoreUUID(t.Context(), "HEAD"); err != nil || got != uuid {
			t.Errorf("it is %q, %v", got, err)
		}
		return tx.Each(t.Context(), func(r *doltdb.Rows) error {
			var name string
			err := r.Scan(&name)
			tables = append(tables, name)
			return err
		}, "SHOW TABLES")
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"comments", "deliveries", "dependencies", "events", "guards", "issues", "labels", "memories", "messages", "meta", "prefixes", "schema_migrations", "settings", "tombstones"}, tables); diff != "" {
		t.Error(diff)
	}
}

func TestALedgerWithARemoteIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	s, err := Create(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	shared, err := doltdb.OpenShared(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(shared.Push(t.Context(), "x", t.TempDir()), shared.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), options(dir), uuid); !errors.Is(err, town.ErrRefused) {
		t.Errorf("a ledger with a remote opened: %v", err)
	}
}
