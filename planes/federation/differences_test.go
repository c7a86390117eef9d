package federation

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gastown/town"
)

// Each document that differs between two commits is named once, with what happened to
// it and who did it, also one that was removed.
func TestDifferences(t *testing.T) {
	s := newStore(t)
	head := func() string {
		t.Helper()
		h, err := s.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	gone := town.Key{Kind: town.KindRole, Name: "gone"}
	old := town.Key{Kind: town.KindTemplate, Name: "old.md"}
	brief := town.Key{Kind: town.KindTemplate, Name: "brief.md"}
	remove := func(key town.Key) FileEdit {
		e := s.editOf(t, key, "", "")
		e.Removed = true
		return e
	}
	s.must(t, s.editOf(t, gone, "here", ""), s.editOf(t, bug, "one", ""), s.editOf(t, old, "one", ""), s.editOf(t, build, "a", "1.0.0"))
	from := head()
	s.must(t, s.editOf(t, mayor, "new", ""), s.editOf(t, bug, "two", ""), s.editOf(t, brief, "one", ""))
	s.must(t, remove(gone), remove(old), remove(brief), s.editOf(t, bug, "three", ""), s.editOf(t, build, "b", "1.1.0"))
	const ada = "Ada <ada@example.com>"
	want := Differences{List: []Difference{
		{gone, Removed, ada, ""}, {mayor, Added, ada, "town-1"}, {build, Changed, ada, "town-1"},
		{bug, Changed, ada, "town-1"}, {old, Removed, ada, "town-1"},
	}, Added: 1, Changed: 2, Removed: 2}
	got, err := s.Differences(t.Context(), from, head(), 100)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err = s.Differences(t.Context(), from, head(), 2); err != nil || len(got.List) != 2 || got.Total() != 5 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = s.Differences(t.Context(), from, from, 2); err != nil || got.Total() != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
