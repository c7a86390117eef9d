package federation

import (
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
)

// The definitions a store that arrives must have are those our migrations make.
func TestDefinitionsAreThoseOfTheMigrations(t *testing.T) {
	doltdbtest.SameDefinitions(t, newStore(t).db.View, shape)
}

// A whole store may be mended: there is no former state whose texts to keep.
func TestMendFromTheBeginning(t *testing.T) {
	s := newStore(t)
	_, err := s.db.Update(t.Context(), "by hand", func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO roles VALUES ('plain', 'text', '', 0, '', '')")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if commit, err := s.Mend(t.Context(), "", "HEAD"); err != nil || commit == "" {
		t.Fatalf("mended nothing: %q %v", commit, err)
	}
	if commit, err := s.Mend(t.Context(), "", "HEAD"); err != nil || commit != "" {
		t.Errorf("mended again: %q %v", commit, err)
	}
}
