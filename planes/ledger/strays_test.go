package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/town"
)

// strayed sets a column of a bead as another program or a merge may.
func strayed(t *testing.T, s *Store, id, column, word string) {
	t.Helper()
	err := s.write(t.Context(), "another program", func(q txn) error {
		_, err := q.exec(t.Context(), "UPDATE issues SET "+column+" = ? WHERE id = ?", word, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A bead whose status or type no setting names is listed as any other.
func TestStraysAreListed(t *testing.T) {
	s := newLedger(t)
	a, b := create(t, s, titled("a"))[0].ID, create(t, s, titled("b"))[0].ID
	strayed(t, s, a, "status", "odd")
	strayed(t, s, b, "issue_type", "widget")
	for _, r := range []*Store{s, second(t, s)} {
		for _, c := range []struct {
			filter Filter
			want   int
		}{
			{Filter{}, 2}, {Filter{Limit: 10}, 2}, {Filter{Limit: 10, Not: []town.Status{town.StatusClosed}}, 2},
			{Filter{Limit: 10, Statuses: []town.Status{"odd"}}, 1}, {Filter{Limit: 10, Not: []town.Status{"odd"}}, 1},
			{Filter{Limit: 10, Types: []town.BeadType{"widget"}}, 1}, {Filter{Limit: 10, NotTypes: []town.BeadType{"widget"}}, 1},
		} {
			if err := r.CheckWords(t.Context(), c.filter); err != nil {
				t.Errorf("%+v: %v", c.filter, err)
			}
			if ids := listedIDs(t, r, c.filter); len(ids) != c.want {
				t.Errorf("%+v: %v", c.filter, ids)
			}
		}
		for _, none := range []Filter{{Statuses: []town.Status{"even"}}, {Types: []town.BeadType{"gadget"}}, {All: []Filter{{Types: []town.BeadType{"gadget"}}}}} {
			if err := r.CheckWords(t.Context(), none); !errors.Is(err, town.ErrUsage) {
				t.Errorf("%+v: %v", none, err)
			}
		}
	}
	words, err := s.Words(t.Context())
	if err != nil || !slices.Equal(words.Strays, []town.Status{"odd"}) || words.Statuses[len(words.Statuses)-1] != "odd" {
		t.Errorf("%+v, %v", words, err)
	}
	// Nobody may give another bead such a word.
	odd, widget := town.Status("odd"), town.BeadType("widget")
	for _, p := range []Patch{{ID: b, Status: &odd}, {ID: a, Type: &widget}} {
		if _, err := s.Update(t.Context(), []Patch{p}); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	// The bead itself can be changed otherwise, and moved to a status that is known.
	title := "changed"
	if _, err := s.Update(t.Context(), []Patch{{ID: a, Title: &title}, {ID: b, Title: &title}}); err != nil {
		t.Error(err)
	}
	// More of them than are read are listed, too.
	var more []NewBead
	for range maxStrays + 5 {
		more = append(more, titled("more"))
	}
	for i, b := range create(t, s, more...) {
		strayed(t, s, b.ID, "status", fmt.Sprint("odd", i))
	}
	if ids := listedIDs(t, s, Filter{Limit: 100, Not: []town.Status{town.StatusClosed}}); len(ids) != maxStrays+7 {
		t.Errorf("%d beads", len(ids))
	}
}

// The engine looks for strays only between the known statuses.
func TestStraysAreFoundByTheirIndex(t *testing.T) {
	s := grown(t, 10, nil, nil)
	plan := ""
	err := s.read(t.Context(), func(q txn) error {
		return q.each(t.Context(), func(rows *doltdb.Rows) error {
			var line string
			err := rows.Scan(&line)
			plan += line + "\n"
			return err
		}, "EXPLAIN PLAN "+straysQuery(town.Statuses), anys(words(town.Statuses))...)
	})
	if err != nil || !strings.Contains(plan, "index: [issues.status") || strings.Contains(plan, "(NULL, ∞)") {
		t.Errorf("%v\n%s", err, plan)
	}
}

// A setting keeps the words that beads have; others may go.
func TestUsedWordsStay(t *testing.T) {
	s := newLedger(t)
	set := func(name, value string) error { return s.SetSettings(t.Context(), Setting{name, value}) }
	if err := errors.Join(set(CustomStatuses, "review,unused,open"), set(CustomTypes, "widget,unused")); err != nil {
		t.Fatal(err)
	}
	n := titled("a")
	n.Status, n.Type = "review", "widget"
	id := create(t, s, n)[0].ID
	for _, name := range []string{CustomStatuses, CustomTypes} {
		word := map[string]string{CustomStatuses: "review", CustomTypes: "widget"}[name]
		for _, value := range []string{"", "unused", "re"} {
			if err := set(name, value); !errors.Is(err, town.ErrUsage) || !strings.Contains(err.Error(), word+" (1)") {
				t.Errorf("%s=%q: %v", name, value, err)
			}
		}
		if _, err := s.DeleteSetting(t.Context(), name); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
		if err := set(name, strings.ToUpper(word)+":wip, new"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	open, task := town.StatusOpen, town.TypeTask
	if _, err := s.Update(t.Context(), []Patch{{ID: id, Status: &open, Type: &task}}); err != nil {
		t.Fatal(err)
	}
	_, err := s.DeleteSetting(t.Context(), CustomTypes)
	if err = errors.Join(err, set(CustomStatuses, "")); err != nil {
		t.Error(err)
	}
}
