package federation

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gastown/planes/doltdb"
	"gastown/town"
)

// The definitions a store that arrives must have are those our migrations make.
func TestDefinitionsAreThoseOfTheMigrations(t *testing.T) {
	s := newStore(t)
	got := map[string]town.Digest{}
	err := s.View(t.Context(), func(tx *doltdb.Tx) error {
		for table := range shape.Tables {
			d, err := tx.Definition(t.Context(), table, "HEAD")
			if err != nil {
				return err
			}
			got[table] = d
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, shape.Tables); diff != "" {
		t.Errorf("schema.go should say (-):\n%s", diff)
	}
}

// A whole store may be mended: there is no former state whose texts to keep.
func TestMendFromTheBeginning(t *testing.T) {
	s := newStore(t)
	_, err := s.Update(t.Context(), "by hand", func(tx *doltdb.Tx) error {
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
