package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/town"
)

// A short id finds the same ids as comparing it with every id.
func TestShortIDsAreThoseThatBeginLikeIt(t *testing.T) {
	part := rapid.StringMatching(`[ab]{1,3}`)
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
			id := part.Draw(t, "prefix") + "-" + part.Draw(t, "tail")
			for range rapid.IntRange(0, 2).Draw(t, "depth") {
				id += "." + rapid.StringMatching(`[12]`).Draw(t, "child")
			}
			return id
		}), 0, 30, rapid.ID).Draw(t, "ids")
		ref := rapid.OneOf(part, rapid.StringMatching(`[ab]{1,2}-[ab]{0,2}`), rapid.StringMatching(`[ab]{1,2}\.[12]?`)).Draw(t, "ref")
		var whole, same, begin []string
		for _, id := range ids {
			tail := strings.TrimPrefix(id, town.PrefixOf(id)+"-")
			if id == ref {
				whole = []string{id}
			}
			if tail == ref {
				same = append(same, id)
			}
			if !strings.HasSuffix(ref, "-") && !strings.HasSuffix(ref, ".") &&
				strings.Count(id, ".") == strings.Count(ref, ".") && (strings.HasPrefix(id, ref) && strings.Contains(ref, "-") || strings.HasPrefix(tail, ref)) {
				begin = append(begin, id)
			}
		}
		got := newShortIDs(ids).find(ref)
		switch {
		case whole != nil:
			if !slices.Equal(got, whole) {
				t.Fatalf("%q, want %q", got, whole)
			}
		case len(same) == 1:
			if !slices.Equal(got, same) {
				t.Fatalf("%q, want %q", got, same)
			}
		default:
			if min(len(got), 2) != min(len(begin), 2) || slices.ContainsFunc(got, func(id string) bool { return !slices.Contains(begin, id) }) {
				t.Fatalf("%q, of %q", got, begin)
			}
			if len(begin) <= maxMatches && len(got) != len(begin) {
				t.Fatalf("%q, want %q", got, begin)
			}
		}
	})
}

// Looking up as many short ids as there are beads examines each bead a few
// times, not once for each short id.
func TestShortIDsAreFoundWithoutLookingAtAll(t *testing.T) {
	const n = 20000
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("gt-%05d", i))
	}
	s := newShortIDs(ids)
	for i, id := range ids {
		ref := strings.TrimPrefix(id, "gt-")
		if i%100 == 0 {
			ref = ref[:2] // ambiguous
		}
		if found := s.find(ref); i%100 != 0 && !slices.Equal(found, []string{id}) || i%100 == 0 && len(found) < 2 {
			t.Fatalf("%s: %q", ref, found)
		}
	}
	if s.looks > 10*n {
		t.Errorf("%d looks at %d ids", s.looks, n)
	}
}

// Patches of many beads, and several of one, change each bead once.
func TestPatchesOfOneBeadAreOneChange(t *testing.T) {
	s := newLedger(t)
	var patches []Patch
	for _, title := range []string{"second", "third"} {
		for i := range 3 {
			patches = append(patches, Patch{ID: fmt.Sprint("gt-", i), Title: &title})
		}
	}
	e := newEditing(s.change())
	for i := range 3 {
		e.found[fmt.Sprint("gt-", i)] = &Detail{Item: Item{Bead: town.Bead{ID: fmt.Sprint("gt-", i), Title: "first", Status: town.StatusOpen,
			Type: town.TypeTask, CreatedAt: time.Now(), UpdatedAt: time.Now()}}}
	}
	for i, p := range patches {
		if err := e.apply(i, p); err != nil {
			t.Fatal(err)
		}
	}
	if len(e.beads) != 3 || e.beads[2].Title != "third" {
		t.Fatalf("%d beads are written: %+v", len(e.beads), e.beads)
	}
}
