package ledger

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gastown/town"
)

// compare asks a handle for everything the model knows.
func compare(t *testing.T, rt *rapid.T, s *Store, m *model) {
	ctx := t.Context()
	ids := m.ids()
	got, err := s.Get(ctx, ids, nil)
	if err != nil {
		rt.Fatal(err)
	}
	for i, d := range got {
		want := m.live[ids[i]]
		if d.Title != want.Title || d.Status != want.Status || !slices.Equal(d.Labels, want.Labels) || !d.UpdatedAt.After(want.UpdatedAt) && !d.UpdatedAt.Equal(want.UpdatedAt) {
			rt.Fatalf("%s is\n%+v and should be\n%+v", d.ID, d, want)
		}
		var texts, wanted []string
		for _, c := range d.Comments {
			texts = append(texts, c.Text)
		}
		for _, c := range want.Comments {
			wanted = append(wanted, c.Text)
		}
		if !slices.Equal(slices.Sorted(slices.Values(texts)), slices.Sorted(slices.Values(wanted))) || d.CommentCount != len(wanted) {
			rt.Fatalf("comments of %s: %q, not %q", d.ID, texts, wanted)
		}
		for _, l := range d.Dependencies {
			if _, ok := m.links[linkKey(town.Dependency{Bead: d.ID, Target: l.ID, Type: l.Type})]; !ok {
				rt.Fatalf("%s has a link to %s", d.ID, l.ID)
			}
		}
		needs, needed := 0, 0
		for _, l := range m.links {
			if l.Bead == d.ID {
				needs++
			}
			if l.Target == d.ID {
				needed++
			}
		}
		if needs != d.DependencyCount || needed != d.DependentCount {
			rt.Fatalf("%s: %d and %d links, not %d and %d", d.ID, d.DependencyCount, d.DependentCount, needs, needed)
		}
	}
	held := m.held()
	listed := func(name string, list func(Filter, func(Item) error) error, f Filter, keep func(*town.Bead) bool) {
		var items []Item
		f.Limit = rapid.SampledFrom([]int{0, 400}).Draw(rt, "limit")
		if err := list(f, Collect(&items)); err != nil {
			rt.Fatal(err)
		}
		got := []string{}
		for _, i := range items {
			got = append(got, i.ID)
			if !slices.Equal(i.Labels, m.live[i.ID].Labels) || i.CommentCount != len(m.live[i.ID].Comments) {
				rt.Fatalf("%s lists %+v", name, i)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(m.selected(keep), got); diff != "" {
			rt.Fatalf("%s %+v:\n%s", name, f, diff)
		}
	}
	list := func(f Filter, y func(Item) error) error { return s.List(ctx, f, y) }
	label, text, priority := drawLabel.Draw(rt, "label"), drawTitle.Draw(rt, "text"), rapid.IntRange(0, 4).Draw(rt, "priority")
	listed("label", list, Filter{Labels: []string{label}, Not: []town.Status{town.StatusClosed}}, func(b *town.Bead) bool {
		return slices.Contains(b.Labels, label) && b.Open()
	})
	listed("text", list, Filter{Text: strings.ToUpper(text[:4]), Priorities: []int{priority}}, func(b *town.Bead) bool {
		has := func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(text[:4])) }
		return b.Priority == priority && (has(b.Title) || has(b.Description) || has(b.ID))
	})
	listed("ready", func(f Filter, y func(Item) error) error { return s.Ready(ctx, f, y) }, Filter{}, func(b *town.Bead) bool {
		return b.Status == town.StatusOpen && !held[b.ID]
	})
	waiting, err := s.Blocked(ctx, Filter{Limit: 400})
	if err != nil {
		rt.Fatal(err)
	}
	var blocked []string
	for _, w := range waiting {
		blocked = append(blocked, w.ID)
	}
	slices.Sort(blocked)
	if want := m.selected(func(b *town.Bead) bool { return held[b.ID] && b.Open() }); !slices.Equal(want, blocked) {
		rt.Fatalf("blocked are %v, not %v", blocked, want)
	}
}

// roundTrip exports, imports into another ledger, and exports again: the same.
func roundTrip(t *testing.T, rt *rapid.T, s *Store) {
	export := func(s *Store) string {
		var buf bytes.Buffer
		if err := s.Export(t.Context(), Filter{}, func(b town.Bead) error { return WriteLine(&buf, b) }); err != nil {
			rt.Fatal(err)
		}
		return buf.String()
	}
	text := export(s)
	// A bead that was restored may be linked to one that is deleted. Imports warn of that
	// alone.
	dangling := 0
	err := s.Export(t.Context(), Filter{}, func(b town.Bead) error {
		for _, d := range b.Dependencies {
			if !strings.Contains(text, `"id":"`+d.Target+`"`) {
				dangling++
			}
		}
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
	other := newLedger(t)
	for range 2 {
		result, err := other.Import(t.Context(), strings.NewReader(text), ImportOptions{})
		if err != nil || result.Created+result.Unchanged != strings.Count(text, "\n") || len(result.Warnings) > dangling {
			rt.Fatalf("%+v, %v", result, err)
		}
		if diff := cmp.Diff(text, export(other)); diff != "" {
			rt.Fatal(diff)
		}
	}
}
