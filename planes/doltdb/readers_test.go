package doltdb

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"gastown/planes/doltdb/internal/engine"
)

// Whom the owner lets read the store's directory can read its files after every change,
// collection and opening; nobody else can.
func TestFilesStayReadable(t *testing.T) {
	former := unix.Umask(0o077) // as the program has it
	t.Cleanup(func() { unix.Umask(former) })
	for _, c := range []struct{ dir, file fs.FileMode }{{0o755, 0o644}, {0o750, 0o640}, {0o700, 0o600}} {
		dir := filepath.Join(t.TempDir(), "db")
		db := create(t, dir)
		store := filepath.Join(dir, engine.StoreDir)
		if err := os.Chmod(store, c.dir); err != nil {
			t.Fatal(err)
		}
		check := func(after string) {
			t.Helper()
			checkModes(t, store, c.file, after)
		}
		put(t, db, "a", "1")
		check("a change")
		if err := db.GC(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("a collection")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		check("closing")
		db, err := OpenShared(t.Context(), options(dir))
		if err != nil {
			t.Fatal(err)
		}
		check("opening")
		put(t, db, "a", "2")
		check("another change")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The files stay readable when the server stops or lends its databases.
func TestFilesStayReadableAfterTheServer(t *testing.T) {
	former := unix.Umask(0o077)
	t.Cleanup(func() { unix.Umask(former) })
	opts := twoPlanes(t)
	store := filepath.Join(opts.Dir, "ledger", engine.StoreDir)
	if err := os.Chmod(store, 0o755); err != nil {
		t.Fatal(err)
	}
	s := started(t, opts)
	checkModes(t, store, 0o644, "the server's start")
	db := open(t, clientOf(opts, "ledger"))
	put(t, db, "a", "2")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := s.Lend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkModes(t, store, 0o644, "lending")
	if err := again(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkModes(t, store, 0o644, "the server's end")
}

// checkModes checks the permission of every file of a store.
func checkModes(t *testing.T, store string, want fs.FileMode, after string) {
	t.Helper()
	err := filepath.WalkDir(store, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm() != want {
			t.Errorf("after %s: %s has mode %o, not %o", after, e.Name(), info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
