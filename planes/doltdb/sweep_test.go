package doltdb

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"gastown/planes/doltdb/internal/engine"
)

func TestOpenSweepsWhatWasLeft(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "federation")
	mine, others := filepath.Join(root, ".new-federation-1"), filepath.Join(root, ".new-ledger-1")
	for _, d := range []string{mine, others} {
		if err := os.MkdirAll(filepath.Join(d, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	db := create(t, dir)
	put(t, db, "a", "1")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, engine.TempDir, "buffered_file_byte_sink_1")
	manifest := filepath.Join(dir, engine.StoreDir, "nbs_manifest_1")
	for _, f := range []string{half, manifest} {
		if err := os.MkdirAll(filepath.Dir(f), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := OpenShared(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, gone := range []string{half, manifest, mine} {
		if _, err := os.Lstat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", gone, err)
		}
	}
	if _, err := os.Lstat(others); err != nil {
		t.Errorf("another database's was removed: %v", err)
	}
	if got := get(t, db, "a"); got != "1" {
		t.Errorf("got %q", got)
	}
}
