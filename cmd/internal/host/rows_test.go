package host

import (
	"errors"
	"os"
	"testing"

	"github.com/google/uuid"

	"gastown/cmd/internal/shell"
	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// Several uses of the plane share one opening. Whatever fn returns, the plane is free
// afterwards.
func TestOneOpening(t *testing.T) {
	place, id := layout.Town{Root: t.TempDir()}, uuid.NewString()
	if err := os.MkdirAll(place.Data(""), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := operational.Create(t.Context(), doltdb.Options{Dir: place.Data(layout.Operational), Actor: town.Actor{Name: "ada"}}, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	h := &Host{
		Layout: place, Config: &config.Config{Stores: map[string]string{layout.Operational: id}}, Actor: town.Actor{Name: "ada"},
		call: &shell.Call{Name: "gt test", Invocation: &shell.Invocation{}},
	}
	use := func() (used *operational.Store) {
		t.Helper()
		if err := h.Rows(t.Context(), func(s *operational.Store) error { used = s; _, err := s.Work(t.Context()); return err }); err != nil {
			t.Fatal(err)
		}
		return used
	}
	failed := errors.New("failed")
	for _, want := range []error{nil, failed} {
		var first, second *operational.Store
		err := h.WithOneOpening(func() error { first, second = use(), use(); return want })
		if first != second || !errors.Is(err, want) {
			t.Errorf("%p and %p, %v", first, second, err)
		}
		if use() == first { // it also opens: nobody holds the plane
			t.Error("the opening outlived its use")
		}
	}
	if err := h.WithOneOpening(func() error { return nil }); err != nil {
		t.Errorf("without a use: %v", err)
	}
}
