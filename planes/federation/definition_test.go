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
		for _, table := range tables {
			d, err := definition(t.Context(), tx, table, "HEAD")
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
	if diff := cmp.Diff(got, definitions); diff != "" {
		t.Errorf("definition.go should say (-):\n%s", diff)
	}
}
