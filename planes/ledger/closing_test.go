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
		done, err := s.CloseReady(t.Context(), c.close, c.how)
		if !slices.Equal(ids(done.Beads), c.want) || len(done.Already) > 0 || errors.Is(err, ErrHeld) != c.held || err != nil && !c.held {
			t.Errorf("%s: closed %v, %v", c.name, ids(done.Beads), err)
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
	if done, err := s.CloseReady(t.Context(), []string{"gt-a", "gt-nope"}, Closing{Continue: true}); len(done.Beads) != 1 || !errors.Is(err, ErrUnknown) {
		t.Errorf("%v, %v", done, err)
	}
}

// Closing again changes nothing: date and reason stay, and there is no commit.
func TestClosingAgain(t *testing.T) {
	s := linked(t, link("a", "b", town.DepBlocks))
	ctx := t.Context()
	first, err := s.CloseReady(ctx, []string{"gt-a", "gt-a"}, Closing{Reason: "done", Force: true})
	if err != nil || len(first.Beads) != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	before := s.Queries()
	again, err := s.CloseReady(ctx, []string{"gt-a"}, Closing{Reason: "another"})
	if err != nil || len(again.Beads) != 0 || len(again.Already) != 1 || again.Already[0].CloseReason != "done" || !again.Already[0].ClosedAt.Equal(*first.Beads[0].ClosedAt) {
		t.Errorf("%+v, %v", again, err)
	}
	if n := s.Queries() - before; n != 1 {
		t.Errorf("%d queries", n)
	}
	versions, err := s.Versions(ctx, "gt-a", 0)
	if err != nil || len(versions) != 3 { // made, linked, closed
		t.Errorf("%d versions, %v", len(versions), err)
	}
	both, err := s.CloseReady(ctx, []string{"gt-a", "gt-b", "gt-c"}, Closing{Reason: "later"})
	if err != nil || len(both.Beads) != 2 || len(both.Already) != 1 {
		t.Errorf("%+v, %v", both, err)
	}
}

// Every way to close a bead follows the rule, except those that hand the work on.
func TestEveryWayOfClosingFollowsTheRule(t *testing.T) {
	ctx := t.Context()
	done := town.StatusClosed
	closes := func(id string) Patch { return Patch{ID: id, Status: &done, Guarded: true} }
	script := func(text string, force bool) func(*Change) error {
		return func(c *Change) error {
			steps, err := ReadScript(text)
			if err == nil {
				_, err = c.Script(ctx, steps, nil, "gt", force)
			}
			return err
		}
	}
	for _, c := range []struct {
		name string
		do   func(*Change) error
		held bool
	}{
		{"close", func(c *Change) error { _, err := c.Close(ctx, []string{"gt-a"}, Closing{}); return err }, true},
		{"update", func(c *Change) error { _, err := c.Update(ctx, []Patch{closes("gt-a")}); return err }, true},
		{"update of both", func(c *Change) error { _, err := c.Update(ctx, []Patch{closes("gt-a"), closes("gt-b")}); return err }, false},
		{"a script", script("close gt-a\n", false), true},
		{"a script that updates", script("update gt-a status=closed\n", false), true},
		{"a script by force", script("close gt-a\nupdate gt-d status=closed\n", true), false},
		{"a script in any order", script("close gt-a now\nupdate gt-b status=closed\n", false), false},
		{"a script after unlinking", script("dep rm gt-a gt-b\nclose gt-a\n", false), false},
		{"a duplicate", func(c *Change) error {
			_, err := c.Retire(ctx, "gt-a", "gt-d", town.DepDuplicates, "twice")
			return err
		}, false},
	} {
		s := linked(t, link("a", "b", town.DepBlocks))
		if err := s.Together(ctx, c.name, c.do); errors.Is(err, ErrHeld) != c.held || err != nil && !c.held {
			t.Errorf("%s: %v", c.name, err)
		}
		got, err := s.Get(ctx, []string{"gt-a"}, nil)
		if err != nil || got[0].Open() != c.held {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	// An epic whose children are closed waits for others, too.
	s := linked(t, link("b", "a", town.DepParent), link("c", "d", town.DepParent), link("d", "a", town.DepBlocks))
	epic := town.TypeEpic
	if _, err := s.Update(ctx, []Patch{{ID: "gt-a", Type: &epic}, {ID: "gt-d", Type: &epic}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CloseReady(ctx, []string{"gt-b", "gt-c"}, Closing{Force: true}); err != nil {
		t.Fatal(err)
	}
	child := titled("another child")
	child.Parent = "gt-a"
	create(t, s, child)
	err := s.Together(ctx, "finished", func(c *Change) error {
		done, err := c.CloseFinished(ctx, "all done")
		if len(done.Beads) != 0 || done.Left == nil || len(done.Left.Entries) != 1 || done.Left.Entries[0].ID != "gt-d" {
			t.Errorf("%+v", done)
		}
		return err
	})
	if err != nil {
		t.Error(err)
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
