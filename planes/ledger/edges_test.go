package ledger

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"gastown/town"
)

// A list has the links of each bead as they were made, and its parent, whether the
// list is short or long; other fields do not bring them.
func TestListsHaveLinks(t *testing.T) {
	s := newLedger(t)
	beads, err := s.Create(t.Context(), []NewBead{{Bead: town.Bead{ID: "gt-a", Title: "a"}}, {Bead: town.Bead{ID: "gt-b", Title: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	child := NewBead{Bead: town.Bead{ID: "gt-c", Title: "c", Dependencies: []town.Dependency{
		{Target: "gt-b", Type: town.DepBlocks, Metadata: `{"gate":"all \"of\" them"}`, Thread: "th-1"}, {Target: "external:jira:7", Type: "related"},
	}}, Parent: beads[0].ID}
	made, err := s.Create(t.Context(), []NewBead{child})
	if err != nil {
		t.Fatal(err)
	}
	want := made[0].Dependencies
	slices.SortFunc(want, func(a, b town.Dependency) int { return strings.Compare(linkKey(a), linkKey(b)) })
	for _, limit := range []int{0, 10} {
		got := map[string]Item{}
		err := s.List(t.Context(), Filter{Limit: limit}, func(i Item) error { got[i.ID] = i; return nil })
		if err != nil {
			t.Fatal(err)
		}
		c := got["gt-c"]
		if c.Parent != "gt-a" || c.DependencyCount != 3 || !reflect.DeepEqual(c.Dependencies, want) {
			t.Errorf("limit %d: parent %q, %d links: %+v, want %+v", limit, c.Parent, c.DependencyCount, c.Dependencies, want)
		}
		if a := got["gt-a"]; a.Parent != "" || a.Dependencies != nil || a.DependencyCount != 0 || a.DependentCount != 1 {
			t.Errorf("limit %d: %+v", limit, a)
		}
		for fields, want := range map[string]Item{"parent": {Parent: "gt-a", DependencyCount: 3}, "dependency_count": {DependencyCount: 3}, "title": {}} {
			err := s.List(t.Context(), Filter{Limit: limit, IDs: []string{"gt-c"}, Fields: Fields{fields}}, func(i Item) error {
				if i.Parent != want.Parent || i.DependencyCount != want.DependencyCount || i.Dependencies != nil {
					t.Errorf("limit %d, %s: %+v", limit, fields, i)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
	waiting, err := s.Blocked(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range waiting {
		if w.BlockedBy == nil {
			t.Errorf("%s has no array of blockers", w.ID)
		}
	}
}
