package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gastown/town"
)

// linked makes beads a, b, ... with ids gt-a, gt-b and links between them.
func linked(t *testing.T, links ...town.Dependency) *Store {
	t.Helper()
	s := newLedger(t)
	for _, id := range []string{"gt-a", "gt-b", "gt-c", "gt-d"} {
		n := titled(id)
		n.ID = id
		create(t, s, n)
	}
	if _, err := s.DepAdd(t.Context(), links); err != nil {
		t.Fatal(err)
	}
	return s
}

func link(bead, target string, kind town.DepType) town.Dependency {
	return town.Dependency{Bead: "gt-" + bead, Target: "gt-" + target, Type: kind}
}

func ids(list []town.Bead) (all []string) {
	for _, b := range list {
		all = append(all, b.ID)
	}
	return all
}

// A bead that waits for open ones or has open children is not closed, unless those go
// with it or the caller insists. Several are closed all or none.
func TestClosingWhatIsHeld(t *testing.T) {
	for _, c := range []struct {
		name  string
		links []town.Dependency
		close []string
		how   Closing
		want  []string
		held  bool
	}{
		{"free", nil, []string{"gt-a", "gt-b"}, Closing{}, []string{"gt-a", "gt-b"}, false},
		{"blocked", []town.Dependency{link("a", "b", town.DepBlocks)}, []string{"gt-a"}, Closing{}, nil, true},
		{"a child is open", []town.Dependency{link("b", "a", town.DepParent)}, []string{"gt-a"}, Closing{}, nil, true},
		{"together", []town.Dependency{link("a", "b", town.DepBlocks), link("b", "c", town.DepParent)}, []string{"gt-c", "gt-a", "gt-b"}, Closing{}, []string{"gt-c", "gt-a", "gt-b"}, false},
		{"forced", []town.Dependency{link("a", "b", town.DepBlocks)}, []string{"gt-a"}, Closing{Force: true}, []string{"gt-a"}, false},
		{"one of two", []town.Dependency{link("a", "b", town.DepBlocks)}, []string{"gt-c", "gt-a"}, Closing{}, nil, true},
		{"go on", []town.Dependency{link("a", "b", town.DepBlocks)}, []string{"gt-c", "gt-a"}, Closing{Continue: true}, []string{"gt-c"}, true},
		{"go on, by another that stays", []town.Dependency{link("a", "b", town.DepBlocks), link("b", "d", town.DepBlocks)}, []string{"gt-a", "gt-b", "gt-c"},
			Closing{Continue: true}, []string{"gt-c"}, true},
		{"related", []town.Dependency{link("a", "b", town.DepRelated)}, []string{"gt-a"}, Closing{}, []string{"gt-a"}, false},
		{"waits for children", []town.Dependency{link("a", "d", town.DepWaitsFor), link("b", "d", town.DepParent)}, []string{"gt-a"}, Closing{}, nil, true},
		{"waits for children that go with it", []town.Dependency{link("a", "d", town.DepWaitsFor), link("b", "d", town.DepParent)}, []string{"gt-a", "gt-b"}, Closing{},
			[]string{"gt-a", "gt-b"}, false},
		{"waits for one of two children that go", []town.Dependency{link("a", "d", town.DepWaitsFor), link("b", "d", town.DepParent), link("c", "d", town.DepParent)},
			[]string{"gt-a", "gt-b"}, Closing{}, nil, true},
		{"waits for no children", []town.Dependency{link("a", "d", town.DepWaitsFor)}, []string{"gt-a"}, Closing{}, []string{"gt-a"}, false},
		{"waits for a failure", []town.Dependency{link("a", "b", town.DepConditional)}, []string{"gt-a"}, Closing{}, nil, true},
	} {
		s := linked(t, c.links...)
		closed, err := s.CloseReady(t.Context(), c.close, c.how)
		if !slices.Equal(ids(closed), c.want) || errors.Is(err, ErrHeld) != c.held || err != nil && !c.held {
			t.Errorf("%s: closed %v, %v", c.name, ids(closed), err)
		}
		st, err := s.Stats(t.Context())
		if err != nil || st.ByStatus["closed"] != len(c.want) {
			t.Errorf("%s: %+v, %v", c.name, st, err)
		}
	}
	s := linked(t, link("a", "d", town.DepWaitsFor), link("b", "d", town.DepParent))
	if _, err := s.CloseReady(t.Context(), []string{"gt-a"}, Closing{}); err == nil || !strings.Contains(err.Error(), "gt-b") || strings.Contains(err.Error(), "gt-d") {
		t.Errorf("it names what to close first: %v", err)
	}
	s = linked(t)
	if closed, err := s.CloseReady(t.Context(), []string{"gt-a", "gt-nope"}, Closing{Continue: true}); len(closed) != 1 || !errors.Is(err, ErrUnknown) {
		t.Errorf("%v, %v", closed, err)
	}
}

// What waited for a closed bead, or for its parent's children, is free afterwards.
func TestFreed(t *testing.T) {
	s := linked(t, link("b", "a", town.DepBlocks), link("c", "b", town.DepParent), link("a", "d", town.DepParent))
	if _, err := s.CloseReady(t.Context(), []string{"gt-a"}, Closing{Reason: "done"}); err != nil {
		t.Fatal(err)
	}
	free, err := s.Freed(t.Context(), []string{"gt-a"}, Filter{Limit: 10})
	if err != nil || len(free) != 2 || free[0].ID != "gt-b" || free[1].ID != "gt-c" {
		t.Errorf("%+v, %v", free, err)
	}
	s = linked(t, link("a", "d", town.DepParent), link("b", "d", town.DepWaitsFor))
	if _, err := s.CloseReady(t.Context(), []string{"gt-a"}, Closing{}); err != nil {
		t.Fatal(err)
	}
	if free, err := s.Freed(t.Context(), []string{"gt-a"}, Filter{}); err != nil || len(free) != 1 || free[0].ID != "gt-b" {
		t.Errorf("%+v, %v", free, err)
	}
}
