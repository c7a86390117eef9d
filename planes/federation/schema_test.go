package federation

import (
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
)

// The shape that incoming stores must have is the one our migrations make.
func TestDefinitionsAreThoseOfTheMigrations(t *testing.T) {
	doltdbtest.SameDefinitions(t, newStore(t).db.View, shape)
}

// A store is mended from its first commit on, where no former rows exist.
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
