package ledger

import (
	"errors"
	"strings"
	"testing"

	"gastown/town"
)

func create(t testing.TB, s *Store, list ...NewBead) []town.Bead {
	t.Helper()
	made, err := s.Create(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func titled(title string) NewBead { return NewBead{Bead: town.Bead{Title: title}, NoPriority: true} }

func TestBasics(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	a := create(t, s, titled("first"))[0]
	if !strings.HasPrefix(a.ID, "bd-") || len(a.ID) != len("bd-")+5 || a.Priority != 2 || a.Status != town.StatusOpen || a.CreatedBy != "Ada" {
		t.Errorf("%+v", a)
	}
	b := titled("second")
	b.Labels = []string{"x", "a b", "x"}
	b.Dependencies = []town.Dependency{{Target: a.ID, Type: town.DepDiscovered}}
	b.Description = "long\ntext with 'quotes' and % and \\"
	b.Parent = a.ID
	second := create(t, s, b)[0]
	if second.ID != a.ID+".1" {
		t.Error(second.ID)
	}
	before := s.Queries()
	got, err := s.Get(ctx, []string{second.ID, a.ID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Queries() - before; n != 1 {
		t.Errorf("%d queries", n)
	}
	if got[0].Description != b.Description || len(got[0].Labels) != 2 || got[0].Parent != a.ID || len(got[0].Dependencies) != 2 || got[1].DependentCount != 2 {
		t.Errorf("%+v", got)
	}
	if _, err := s.Get(ctx, []string{a.ID[3:], second.ID[3:]}, nil); err != nil {
		t.Error(err)
	}
	var unknown *UnknownError
	if _, err := s.Get(ctx, []string{a.ID, a.ID + "x"}, nil); !errors.As(err, &unknown) || unknown.Nearest[0] != a.ID {
		t.Errorf("%v", err)
	}
	var items []Item
	if err := s.List(ctx, Filter{Labels: []string{"a b"}, Text: "SEC", Prefixes: []string{"bd"}}, Collect(&items)); err != nil || len(items) != 1 || len(items[0].Labels) != 2 || items[0].DependencyCount != 2 {
		t.Errorf("%+v, %v", items, err)
	}
	labels := []string{"a b", "new"}
	changed, err := s.Update(ctx, []Patch{{ID: second.ID, Claim: true, Labels: &labels}, {ID: second.ID, Title: &labels[1]}})
	if err != nil || changed[0].Assignee != "Ada" || changed[0].Title != "new" {
		t.Errorf("%+v, %v", changed, err)
	}
	for _, d := range []town.Dependency{{Bead: a.ID, Target: second.ID}, {Bead: second.ID, Target: a.ID}} {
		if _, err := s.DepAdd(ctx, []town.Dependency{d}); !errors.Is(err, ErrCycle) {
			t.Errorf("%v: %v", d, err)
		}
	}
	closed, err := closeBeads(ctx, s, []string{a.ID}, "done")
	if err != nil || closed[0].ClosedAt == nil || closed[0].CloseReason != "done" {
		t.Errorf("%+v, %v", closed, err)
	}
	if n, err := s.DepRemove(ctx, second.ID, a.ID, town.DepDiscovered); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}
