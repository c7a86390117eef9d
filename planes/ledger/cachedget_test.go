package ledger

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"gastown/town"
)

// Asking for parts of a bead reads and caches those parts and nothing else. A
// bead that is cached whole answers for its parts.
func TestPartsOfABeadAreReadAsParts(t *testing.T) {
	s := newLedger(t)
	epic := titled("epic")
	epic.Description = "long"
	made := create(t, s, epic, titled("other"))
	r := second(t, s)
	levels := func() (beads, results int) {
		all := r.caches.Stats()
		return all[0].Entries, all[1].Entries
	}
	ids := []string{made[0].ID, made[1].ID}
	for round := range 2 {
		got, err := r.Get(t.Context(), ids, Fields{"title"})
		if err != nil || len(got) != 2 || got[0].Title != "epic" || got[0].Description != "" || got[0].Status != "" {
			t.Fatalf("round %d: %+v, %v", round, got, err)
		}
		got[0].Title = "spoiled" // what is handed out is the caller's
		if beads, _ := levels(); beads != 0 {
			t.Errorf("round %d: %d whole beads were read", round, beads)
		}
	}
	want, err := s.Get(t.Context(), ids, Fields{"title", "comments", "dependency_count"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get(t.Context(), ids[:1], nil); err != nil {
		t.Fatal(err)
	}
	// One is known whole, the other is not.
	got, err := r.Get(t.Context(), ids, Fields{"title", "comments", "dependency_count"})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v\n%v", got, want, err)
	}
	if served(s) {
		return
	}
	before := r.Queries()
	if _, err := r.Get(t.Context(), ids, Fields{"title"}); err != nil || r.Queries() == before {
		t.Errorf("%d queries for what was not asked in this form, %v", r.Queries()-before, err)
	}
	before = r.Queries()
	if _, err := r.Get(t.Context(), ids, Fields{"title"}); err != nil || r.Queries() != before {
		t.Errorf("%d queries for what is known, %v", r.Queries()-before, err)
	}
}

// A bounded read ends as soon as it is too large, and nothing of it is cached.
func TestABoundedReadKeepsNothing(t *testing.T) {
	s := newLedger(t)
	var list []NewBead
	for range 4 {
		b := titled("large")
		b.Description = strings.Repeat("x", 10_000)
		list = append(list, b)
	}
	made := create(t, s, list...)
	c := NewCaches(0, 0)
	h := s.As(Session{MaxText: 25_000, NoSuggestions: true})
	h.Cached(c)
	var items []Item
	reads := map[string]func() error{
		"list":   func() error { return h.List(t.Context(), Filter{Limit: 10}, Collect(&items)) },
		"no end": func() error { return h.List(t.Context(), Filter{}, Collect(new([]Item))) },
		"ready":  func() error { return h.Ready(t.Context(), Filter{Limit: 10}, Collect(&items)) },
		"get": func() error {
			_, err := h.Get(t.Context(), []string{made[0].ID, made[1].ID, made[2].ID}, nil)
			return err
		},
		"a field": func() error {
			_, err := h.Get(t.Context(), []string{made[0].ID, made[1].ID, made[2].ID}, Fields{"description"})
			return err
		},
	}
	for what, read := range reads {
		if err := read(); !errors.Is(err, ErrTooMuch) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if all := c.Stats(); all[0].Entries != 0 || all[1].Entries != 0 || len(items) != 0 {
		t.Errorf("kept are %+v, yielded %d", all, len(items))
	}
	// The bound is for each read anew.
	for range 3 {
		if err := h.List(t.Context(), Filter{Limit: 2}, Collect(new([]Item))); err != nil {
			t.Error(err)
		}
		if err := h.List(t.Context(), Filter{Limit: 10, Fields: Fields{"title"}, Not: []town.Status{town.StatusClosed}}, Collect(new([]Item))); err != nil {
			t.Error(err)
		}
	}
}
