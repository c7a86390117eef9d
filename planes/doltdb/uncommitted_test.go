package doltdb

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town"
)

// by writes as a program does that makes no commits.
func by(t *testing.T, db *Shared, statements ...string) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *Tx) error {
		for _, q := range statements {
			if _, err := tx.Exec(t.Context(), q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// authors lists the newest commits as "author: message".
func authors(t *testing.T, db *Shared, n int) (list []string) {
	t.Helper()
	err := db.View(t.Context(), func(tx *Tx) error {
		return tx.Each(t.Context(), func(r *Rows) error {
			var who, message string
			err := r.Scan(&who, &message)
			list = append(list, who+": "+message)
			return err
		}, "SELECT author, message FROM dolt_log")
	})
	if err != nil {
		t.Fatal(err)
	}
	return list[:n]
}

// Rows that another program wrote without a commit are not part of the commit of
// whoever writes next.
func TestUpdateCommitsOthersRowsApart(t *testing.T) {
	db := create(t, filepath.Join(t.TempDir(), "notes"))
	by(t, db, "INSERT INTO notes VALUES ('theirs', 'x')", "CREATE TABLE extra (a INT PRIMARY KEY)")
	put(t, db, "ours", "y")
	if got := authors(t, db, 2); got[0] != "Ada: put ours" || got[1] != Uncommitted.Name+": "+uncommittedMessage {
		t.Errorf("log %q", got)
	}
	var tables int
	err := db.View(t.Context(), func(tx *Tx) error {
		return tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM dolt_diff_summary('HEAD~1', 'HEAD')").Scan(&tables)
	})
	if err != nil || tables != 1 {
		t.Errorf("our commit changes %d tables: %v", tables, err)
	}
	if commit, err := db.CommitOthers(t.Context()); commit != "" || err != nil {
		t.Errorf("committed %q, %v", commit, err)
	}
	// An update that fails or changes nothing leaves their commit behind, and nothing else.
	by(t, db, "INSERT INTO notes VALUES ('more', 'x')")
	failed := errors.New("failed")
	if _, err := db.Update(t.Context(), "fails", func(*Tx) error { return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	if got := authors(t, db, 2); got[0] != Uncommitted.Name+": "+uncommittedMessage || got[1] != "Ada: put ours" {
		t.Errorf("log %q", got)
	}
}

// A merge, a fast-forward and a rewind refuse to touch such rows.
func TestMovesRefuseUncommittedRows(t *testing.T) {
	db := create(t, filepath.Join(t.TempDir(), "notes"))
	first := put(t, db, "one", "1")
	by(t, db, "INSERT INTO notes VALUES ('theirs', 'x')")
	for what, move := range map[string]func() error{
		"merge":        func() error { _, err := db.Merge(t.Context(), Merge{Theirs: first, Message: "m"}); return err },
		"fast-forward": func() error { return db.FastForward(t.Context(), first) },
		"rewind":       func() error { return db.Rewind(t.Context(), first) },
	} {
		if err := move(); !errors.Is(err, ErrUncommitted) || !errors.Is(err, town.ErrBusy) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if get(t, db, "theirs") != "x" {
		t.Error("the row is gone")
	}
	commit, err := db.CommitOthers(t.Context())
	if err != nil || commit == "" {
		t.Fatalf("%q, %v", commit, err)
	}
	if err := db.FastForward(t.Context(), commit); err != nil {
		t.Error(err)
	}
}

// UpdateTables commits others' rows of its own tables apart, and leaves the rest.
func TestUpdateTablesCommitsOthersRowsApart(t *testing.T) {
	db := create(t, filepath.Join(t.TempDir(), "notes"))
	by(t, db, "CREATE TABLE passing (a INT PRIMARY KEY)", "INSERT INTO notes VALUES ('theirs', 'x')")
	write := func(id string) {
		t.Helper()
		_, err := db.UpdateTables(t.Context(), "ours", []string{"notes"}, func(tx *Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES (?, 'y')", id)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write("ours")
	write("again")
	got := authors(t, db, 3)
	if got[0] != "Ada: ours" || got[1] != "Ada: ours" || got[2] != Uncommitted.Name+": "+uncommittedMessage {
		t.Errorf("log %q", got)
	}
	var passing int
	err := db.View(t.Context(), func(tx *Tx) error {
		return tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM dolt_diff_summary('HEAD', 'WORKING')").Scan(&passing)
	})
	if err != nil || passing != 1 {
		t.Errorf("%d uncommitted tables: %v", passing, err)
	}
}

// A new step of the schema finds such rows.
func TestMigrateWithUncommittedRows(t *testing.T) {
	db := create(t, filepath.Join(t.TempDir(), "notes"))
	by(t, db, "INSERT INTO notes VALUES ('theirs', 'x')")
	steps := append(notes[:1:1], Migration{Name: "more", Statements: []string{"ALTER TABLE notes ADD COLUMN more INT"}})
	if err := db.Migrate(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	if get(t, db, "theirs") != "x" {
		t.Error("the row is gone")
	}
	if got := authors(t, db, 2); !strings.HasPrefix(got[1], Uncommitted.Name) {
		t.Errorf("log %q", got)
	}
}

// The engine's own failure is named, with what to do.
func TestUncommittedRowsInAnUnfinishedMerge(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "notes")
	db := create(t, dir)
	err := db.administer(t.Context(), func(tx *Tx) error {
		for _, q := range []string{
			"SET @@dolt_allow_commit_conflicts = 1", "CALL DOLT_BRANCH('side')",
			"INSERT INTO notes VALUES ('a', 'main')", "CALL DOLT_COMMIT('-A', '-m', 'main')",
			"CALL DOLT_CHECKOUT('side')", "INSERT INTO notes VALUES ('a', 'side')", "CALL DOLT_COMMIT('-A', '-m', 'side')",
			"CALL DOLT_CHECKOUT('main')", "CALL DOLT_MERGE('side')",
		} {
			if err := tx.call(t.Context(), q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Update(t.Context(), "ours", func(tx *Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES ('b', 'ours')")
		return err
	})
	if err == nil || !strings.Contains(town.Next(err), "dolt status, in "+dir) {
		t.Errorf("%v [next: %s]", err, town.Next(err))
	}
}
