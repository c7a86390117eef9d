package doltdb

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/dolthub/dolt/go/libraries/doltcore/doltdb"
	"github.com/dolthub/dolt/go/libraries/doltcore/ref"
	"github.com/dolthub/dolt/go/libraries/utils/filesys"
	"github.com/dolthub/dolt/go/store/hash"
	"github.com/dolthub/dolt/go/store/types"
)

// moveBranch does the first half of the engine's fast-forward and leaves the
// database as a process killed after it would.
func moveBranch(t *testing.T, dir, to string) {
	t.Helper()
	fs, err := filesys.LocalFilesysWithWorkingDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	db, err := doltdb.LoadDoltDBWithParams(t.Context(), types.Format_DOLT, doltdb.LocalDirDoltDB, fs,
		map[string]any{"disable_singleton_cache": "true"})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.FastForwardToHash(t.Context(), ref.NewBranchRef(Branch), hash.Parse(to)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func call(t *testing.T, db *Shared, query string, args ...any) {
	t.Helper()
	if err := db.administer(t.Context(), func(tx *Tx) error { return tx.call(t.Context(), query, args...) }); err != nil {
		t.Fatal(err)
	}
}

func TestKilledWithinAFastForward(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "federation")
	db := create(t, dir)
	put(t, db, "ours", "1")
	early, err := db.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, "arrived", "1")
	late := put(t, db, "ours", "2")
	call(t, db, "CALL DOLT_RESET('--hard', ?)", early)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	moveBranch(t, dir, late)

	db, err = OpenShared(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if head, err := db.Head(t.Context()); err != nil || head != late {
		t.Fatalf("the branch is at %s, want %s: %v", head, late, err)
	}
	put(t, db, "next", "1")
	if a, b := get(t, db, "arrived"), get(t, db, "ours"); a != "1" || b != "2" {
		t.Errorf("what arrived was undone: %q, %q", a, b)
	}
}

// The same when it was to advance by more commits than are compared one by one.
func TestKilledWithinALongFastForward(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "federation")
	db := create(t, dir)
	early := put(t, db, "ours", "1")
	late := early
	for i := range maxPassed + 2 {
		late = put(t, db, "ours", strconv.Itoa(i+2))
	}
	call(t, db, "CALL DOLT_RESET('--hard', ?)", early)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	moveBranch(t, dir, late)
	db, err := OpenShared(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got, want := get(t, db, "ours"), strconv.Itoa(maxPassed+3); got != want {
		t.Errorf("what arrived was undone: %q, want %q", got, want)
	}
}

// Uncommitted changes of another program are not discarded.
func TestForeignWorkIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "federation")
	db := create(t, dir)
	put(t, db, "ours", "1")
	err := db.View(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES ('foreign', 'x')")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = OpenShared(t.Context(), options(dir)); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := get(t, db, "foreign"); got != "x" {
		t.Errorf("uncommitted work is gone: %q", got)
	}
}
