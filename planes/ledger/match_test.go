package ledger

import (
	"slices"
	"testing"
	"time"

	"gastown/town"
)

// A filter selects the same beads in the database and in memory, existing and
// deleted ones.
func TestMatchIsTheFilter(t *testing.T) {
	s := newLedger(t)
	due := time.Now().Add(-time.Hour)
	bug := titled("Fix the LOGIN")
	bug.Type, bug.Priority, bug.Assignee, bug.Labels, bug.DueAt = town.TypeBug, 1, "ada", []string{"ui", "db"}, &due
	bug.ExternalRef = "gh-1"
	root := create(t, s, titled("root"))[0]
	child := titled("child")
	child.Parent, child.Labels, child.Description = root.ID, []string{"db"}, "login too"
	made := create(t, s, bug, child)
	if _, err := closeBeads(t.Context(), s, []string{made[1].ID}, "done"); err != nil {
		t.Fatal(err)
	}
	all, err := s.Get(t.Context(), []string{root.ID, made[0].ID, made[1].ID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	filters := []Filter{
		{}, {IDs: []string{root.ID}}, {Statuses: []town.Status{town.StatusClosed}}, {Not: []town.Status{town.StatusClosed}},
		{Types: []town.BeadType{town.TypeBug}}, {NotTypes: []town.BeadType{town.TypeBug}}, {Assignees: []string{""}}, {Assignees: []string{"ada", "kim"}},
		{Owners: []string{"nobody"}}, {CreatedBy: []string{root.CreatedBy}}, {Priorities: []int{1}}, {Labels: []string{"db"}}, {Labels: []string{"db", "ui"}},
		{AnyLabels: []string{"ui", "x"}}, {NotLabels: []string{"ui"}}, {Prefixes: []string{"bd"}}, {Prefixes: []string{"b"}}, {Parent: root.ID},
		{Text: "login"}, {Created: Span{From: now}}, {Created: Span{To: now}}, {Closed: Span{To: now.Add(time.Hour)}}, {Due: Span{From: due.Add(-time.Second)}},
		{Overdue: true}, {Labels: []string{"db"}, Text: "CHILD"},
		{Details: Details{Title: "LOGIN"}}, {Details: Details{Description: "LOGIN"}}, {Details: Details{Notes: "login"}}, {Details: Details{Reference: "gh"}}, {Details: Details{ExternalRef: "gh-1"}},
		{Details: Details{NoDescription: true}}, {Details: Details{NoLabels: true}}, {Details: Details{NoParent: true}}, {Details: Details{IDPrefix: root.ID}},
		{Details: Details{Deferred: true}}, {Details: Details{DeferUntil: Span{To: now}}}, {All: []Filter{{Labels: []string{"db"}}, {Labels: []string{"ui"}}}},
		{Any: []Filter{{Parent: root.ID}, {Priorities: []int{1}}}}, {None: []Filter{{Closed: Span{From: due}}}}, {None: []Filter{{Parent: root.ID}, {IDs: []string{root.ID}}}},
		{None: []Filter{{}}}, {Any: []Filter{{}}}, {None: []Filter{{None: []Filter{{Labels: []string{"ui"}}}}}},
	}
	compare := func(what string, selected func(Filter) []string) {
		for _, f := range filters {
			var want []string
			for _, d := range all {
				b := d.Bead
				b.Dependencies = links(b.ID, d.Dependencies, false)
				if f.match(b, now) {
					want = append(want, b.ID)
				}
			}
			if got := selected(f); !slices.Equal(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))) {
				t.Errorf("of %s %+v selects %q, not %q", what, f, got, want)
			}
		}
	}
	compare("what is there", func(f Filter) (ids []string) {
		var items []Item
		if err := s.List(t.Context(), f, Collect(&items)); err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			ids = append(ids, i.ID)
		}
		return ids
	})
	ids := []string{root.ID, made[0].ID, made[1].ID}
	if err := s.Delete(t.Context(), ids, "gone"); err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	compare("what was deleted", func(f Filter) (ids []string) {
		graves, err := s.Tombstones(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range graves {
			ids = append(ids, g.Bead.ID)
		}
		return ids
	})
	if graves, err := s.Tombstones(t.Context(), Filter{Limit: 1, Offset: 1}); err != nil || len(graves) != 1 || graves[0].Bead.ID != ids[1] {
		t.Errorf("%+v, %v", graves, err)
	}
}

// A close reason for a bead that stays open is an error, reported by its line.
func TestAReasonWithoutClosing(t *testing.T) {
	s := newLedger(t)
	id := create(t, s, titled("open"))[0].ID
	reason, closed := "done", town.StatusClosed
	if _, err := s.Update(t.Context(), []Patch{{ID: id, Line: 3, CloseReason: &reason}}); err == nil || !slices.Contains([]string{
		"line 3: " + id + ": not a valid bead: close_reason of a bead that is open",
	}, err.Error()) {
		t.Errorf("%v", err)
	}
	if got, err := s.Update(t.Context(), []Patch{{ID: id, Status: &closed, CloseReason: &reason}}); err != nil || got[0].CloseReason != reason {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Update(t.Context(), []Patch{{ID: id, CloseReason: &reason}}); err != nil || got[0].CloseReason != reason {
		t.Errorf("%+v, %v", got, err)
	}
}
