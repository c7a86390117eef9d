package doltdbtest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gastown/planes/doltdb"
	"gastown/town"
)

// SameDefinitions fails unless a shape's definitions are those that its steps
// make, in a store of that shape.
func SameDefinitions(t testing.TB, view func(context.Context, func(*doltdb.Tx) error) error, s doltdb.Shape) {
	t.Helper()
	got, want := map[string]town.Digest{}, s.After(len(s.Steps))
	err := view(t.Context(), func(tx *doltdb.Tx) error {
		for table := range want {
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
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("the shape of the %s plane should say (-):\n%s", s.Plane, diff)
	}
}
