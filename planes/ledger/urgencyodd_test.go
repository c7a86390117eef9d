package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/town"
)

// listIDs are the ids of what a filter selects.
func listIDs(t contexts, s *Store, f Filter) (ids []string) {
	t.Helper()
	var items []Item
	if err := s.List(t.Context(), f, Collect(&items)); err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		ids = append(ids, i.ID)
	}
	return ids
}

// Rows with priorities and links that only other programs write are in short
// lists as in long ones.
func TestShortListsHoldForeignRows(t *testing.T) {
	s := grown(t, 6, nil, nil)
	far := strings.Repeat("p", 200)
	_, err := s.db.Update(t.Context(), "foreign", func(tx *doltdb.Tx) error {
		for _, q := range []string{
			"UPDATE issues SET priority = -3 WHERE id = 'gt-b001'",
			"UPDATE issues SET priority = 2147483647, issue_type = '' WHERE id = 'gt-b002'",
			"INSERT INTO dependencies VALUES ('gt-b003', '" + far + "', 'parent-child', NOW(), 'ada', NULL, NULL)",
		} {
			if _, err := tx.Exec(t.Context(), q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Filter{
		{}, {Not: []town.Status{town.StatusClosed}}, {Not: []town.Status{town.StatusOpen}}, {Priorities: []int{-3, 4, 7}},
		{Statuses: []town.Status{town.StatusOpen}, Not: []town.Status{town.StatusOpen}}, {NotTypes: []town.BeadType{town.TypeBug}},
		{Types: []town.BeadType{"", town.TypeBug}}, {Sort: []Order{{Field: "created_at"}}},
	} {
		short := f
		short.Limit = 100
		if got, want := listIDs(t, s, short), listIDs(t, s, f); !slices.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", f, got, want)
		}
		if got, want := readyIDs(t, s, short), readyIDs(t, s, f); !slices.Equal(got, want) {
			t.Errorf("ready %+v: %v, want %v", f, got, want)
		}
	}
	_, err = s.db.Update(t.Context(), "foreign", func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE issues SET status = '' WHERE id = 'gt-b000'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	open := []town.Status{town.StatusOpen}
	if got := listIDs(t, s, Filter{Statuses: open, Not: open, Limit: 9}); len(got) != 0 {
		t.Errorf("no status is open and not open: %v", got)
	}
	if got := listIDs(t, s, Filter{Statuses: []town.Status{""}, Limit: 9}); len(got) != 1 {
		t.Errorf("no status: %v", got)
	}
}

// A ledger from before the index is migrated with its rows, also through a
// server.
func TestLedgerOfBeforeUrgency(t *testing.T) {
	var want, rows []string
	for i := range 9 {
		want = append(want, fmt.Sprintf("gt-%d", i))
		rows = append(rows, oldBead(want[i], ""))
	}
	dir := before(t, "urgency", rows...)
	for range 2 {
		s, err := Open(context.Background(), options(dir), uuid)
		if err != nil {
			t.Fatal(err)
		}
		if got := readyIDs(t, s, Filter{Limit: 9}); !slices.Equal(got, want) {
			t.Errorf("after: %v", got)
		}
		if got := listIDs(t, s, Filter{Limit: 2, Offset: 3, Sort: []Order{{Field: "id"}}}); !slices.Equal(got, want[3:5]) {
			t.Errorf("after: %v", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
