package ledger

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"gastown/town"
)

// Counts, epics and all links cost as many queries as they say, however many beads
// there are.
func TestQueriesOfSurveys(t *testing.T) {
	s := newLedger(t)
	epic := titled("epic")
	epic.Type = town.TypeEpic
	root := create(t, s, epic)[0]
	for n := range 3 {
		child := titled(fmt.Sprint(n))
		child.Parent, child.Labels = root.ID, []string{"a", "b"}
		create(t, s, child)
	}
	for name, c := range map[string]struct {
		queries int64
		run     func() error
	}{
		"count":          {1, func() error { _, err := s.Count(t.Context(), Filter{}, ""); return err }},
		"count by label": {1, func() error { _, err := s.Count(t.Context(), Filter{Labels: []string{"a"}}, "label"); return err }},
		"epics":          {2, func() error { _, err := s.Epics(t.Context()); return err }},
		"links":          {1, func() error { _, err := s.Links(t.Context()); return err }},
		"stats":          {1, func() error { _, err := s.Stats(t.Context()); return err }},
		"a list of parts": {1, func() error {
			return s.List(t.Context(), Filter{Any: []Filter{{Parent: root.ID}, {Labels: []string{"a"}}}}, func(Item) error { return nil })
		}},
	} {
		before := s.Queries()
		if err := c.run(); err != nil || s.Queries()-before != c.queries {
			t.Errorf("%s takes %d queries, not %d (%v)", name, s.Queries()-before, c.queries, err)
		}
	}
	counts, err := s.Count(t.Context(), Filter{}, "label")
	if want := (Counts{4, []Group{{"(no labels)", 1}, {"a", 3}, {"b", 3}}}); err != nil || fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("%+v, %v", counts, err)
	}
}

// An epic can be closed once it has children and all of them are; stats counts
// those, and how long closed beads were open.
func TestEpicsThatCanBeClosed(t *testing.T) {
	s := newLedger(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return now }
	epic := titled("epic")
	epic.Type = town.TypeEpic
	made := create(t, s, epic, epic)
	child := titled("child")
	child.Parent = made[0].ID
	id := create(t, s, child)[0].ID
	eligible := func() (ids []string) {
		epics, err := s.Epics(t.Context())
		if err != nil || len(epics) != 2 {
			t.Fatalf("%+v, %v", epics, err)
		}
		for _, e := range epics {
			if e.Eligible {
				ids = append(ids, e.Bead.ID)
			}
		}
		return ids
	}
	if got := eligible(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	now = now.Add(90 * time.Minute)
	if _, err := closeBeads(t.Context(), s, []string{id}, ""); err != nil {
		t.Fatal(err)
	}
	if got := eligible(); len(got) != 1 || got[0] != made[0].ID {
		t.Errorf("%q", got)
	}
	stats, err := s.Stats(t.Context())
	if err != nil || stats.EligibleEpics != 1 || stats.LeadHours != 1.5 {
		t.Errorf("%+v, %v", stats, err)
	}
}

// A bead is shown as a commit had it, by the beginning of the commit's name.
func TestGetAsOf(t *testing.T) {
	s := newLedger(t)
	id := create(t, s, titled("before"))[0].ID
	then, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	after := "after"
	if _, err := s.Update(t.Context(), []Patch{{ID: id, Title: &after}}); err != nil {
		t.Fatal(err)
	}
	for _, commit := range []string{then, then[:10]} {
		if got, err := s.GetAsOf(t.Context(), []string{id}, commit); err != nil || got[0].Title != "before" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for commit, want := range map[string]error{"": ErrRevision, "zz": ErrRevision, "%": ErrRevision, "'; --": ErrRevision} {
		if got, err := s.GetAsOf(t.Context(), []string{id}, commit); !errors.Is(err, want) {
			t.Errorf("%q: %+v, %v", commit, got, err)
		}
	}
	if got, err := s.GetAsOf(t.Context(), []string{"gt-none"}, then); !errors.Is(err, ErrUnknown) {
		t.Errorf("%+v, %v", got, err)
	}
}
