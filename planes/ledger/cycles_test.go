package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/town"
)

// Without the returned links no new link is on a cycle. Each of them closes a
// cycle together with the links that stay.
func TestClosings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		link := rapid.Custom(func(rt *rapid.T) town.Dependency {
			node := rapid.IntRange(0, 7)
			return town.Dependency{
				Bead: fmt.Sprint(node.Draw(rt, "from")), Target: fmt.Sprint(node.Draw(rt, "to")),
				Type: rapid.SampledFrom([]town.DepType{town.DepBlocks, town.DepParent, town.DepRelated}).Draw(rt, "type"),
			}
		})
		list := rapid.SliceOfNDistinct(link, 0, 20, linkKey)
		fresh, old := list.Draw(rt, "fresh"), list.Draw(rt, "old")
		gone := map[string]bool{}
		for _, d := range old {
			gone[linkKey(d)] = rapid.Bool().Draw(rt, "gone")
		}
		// reaches follows the links of a list that hold work up.
		reaches := func(from, to string, list []town.Dependency) bool {
			seen := map[string]bool{from: true}
			for todo := []string{from}; len(todo) > 0; todo = todo[1:] {
				if todo[0] == to {
					return true
				}
				for _, d := range list {
					if d.Bead == todo[0] && slices.Contains(blocking, d.Type) && !seen[d.Target] {
						seen[d.Target] = true
						todo = append(todo, d.Target)
					}
				}
			}
			return false
		}
		found := closings(fresh, old, gone, blocking...)
		var kept []town.Dependency
		for i, d := range fresh {
			if !slices.ContainsFunc(found, func(c closing) bool { return c.index == i }) {
				kept = append(kept, d)
			}
		}
		all := slices.Clone(kept)
		for _, d := range old {
			if !gone[linkKey(d)] {
				all = append(all, d)
			}
		}
		for _, d := range kept {
			if slices.Contains(blocking, d.Type) && reaches(d.Target, d.Bead, all) {
				rt.Fatalf("%v is on a cycle yet", d)
			}
		}
		for _, c := range found {
			if len(c.path) == 0 || !slices.Contains(c.path, c.link.Bead) || !slices.Contains(c.path, c.link.Target) {
				rt.Fatalf("%v closes %q", c.link, c.path)
			}
			with := append(slices.Clone(all), fresh...) // a cycle may lead through another that is named
			if !reaches(c.link.Target, c.link.Bead, with) {
				rt.Fatalf("%v closes nothing", c.link)
			}
		}
	})
}

// Every cycle of a batch is reported by the line that closes it, beside all
// other faults, including cycles by way of a parent.
func TestEveryCycleOfABatchHasItsLine(t *testing.T) {
	s := newLedger(t)
	var list []NewBead
	for _, id := range []string{"gt-a", "gt-b", "gt-c", "gt-d", "gt-e"} {
		list = append(list, NewBead{Bead: town.Bead{ID: id, Title: id}})
	}
	// e waits for d, which becomes its child below.
	list[4].Dependencies = []town.Dependency{{Target: "gt-d"}}
	if _, err := s.Create(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	patches, err := ReadPatches(strings.NewReader(`[
{"id": "gt-a", "parent": "gt-b"},
{"id": "gt-b", "title": "renamed"},
{"id": "gt-b", "parent": "gt-a"},
{"id": "gt-c", "priority": 9},
{"id": "gt-d", "parent": "gt-e"},
{"id": "gt-c", "parent": "gt-e"}
]`))
	if err != nil {
		t.Fatal(err)
	}
	_, updated := s.Update(t.Context(), patches)
	checked := s.CheckPatches(t.Context(), patches)
	for what, err := range map[string]error{"Update": updated, "CheckPatches": checked} {
		if !errors.Is(err, ErrCycle) || faulty(err) != "4:gt-b 5:gt-c 6:gt-d" {
			t.Errorf("%s: %v", what, err)
		}
	}
	all, err := s.Get(t.Context(), []string{"gt-a", "gt-b", "gt-c", "gt-d"}, nil)
	if err != nil || slices.ContainsFunc(all, func(d Detail) bool { return d.Parent != "" || d.Title == "renamed" }) {
		t.Errorf("%+v, %v", all, err)
	}
	// What a batch itself takes apart is no cycle.
	if _, err := s.Update(t.Context(), patches[:1]); err != nil {
		t.Fatal(err)
	}
	swap, err := ReadPatches(strings.NewReader("{\"id\":\"gt-b\",\"parent\":\"gt-a\"}\n{\"id\":\"gt-a\",\"parent\":null}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(t.Context(), swap); err != nil {
		t.Error(err)
	}
}

// faulty are the lines and beads of a BatchError.
func faulty(err error) string {
	var bad *BatchError
	var all []string
	if errors.As(err, &bad) {
		for _, e := range bad.Entries {
			all = append(all, fmt.Sprintf("%d:%s", e.Line, e.ID))
		}
	}
	return strings.Join(all, " ")
}

// Cycles of a strict import are reported beside its other faults, each by its line.
func TestEveryCycleOfAnImportHasItsLine(t *testing.T) {
	s := newLedger(t)
	bead := func(id, target string) string {
		return strings.Replace(line0, "gt-a", id, 1) + fmt.Sprintf(`,"dependencies":[{"depends_on_id":%q,"type":"blocks"}]}`+"\n", target)
	}
	if _, err := s.Import(t.Context(), strings.NewReader(bead("gt-old", "gt-e")), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	text := bead("gt-a", "gt-b") + bead("gt-b", "gt-a") + "{\n" + bead("gt-c", "gt-d") + bead("gt-d", "gt-c") + bead("gt-e", "gt-old")
	if _, err := s.Import(t.Context(), strings.NewReader(text), ImportOptions{Strict: true}); faulty(err) != "2:gt-b 3: 5:gt-d 6:gt-e" {
		t.Errorf("%v", err)
	}
	if st, err := s.Stats(t.Context()); err != nil || st.Total != 1 {
		t.Errorf("%+v, %v", st, err)
	}
}

// Links that are made together name the pair that closes a cycle.
func TestLinksMadeTogetherNameTheirCycles(t *testing.T) {
	s := newLedger(t)
	if _, err := s.Create(t.Context(), []NewBead{{Bead: town.Bead{ID: "gt-a", Title: "a"}}, {Bead: town.Bead{ID: "gt-b", Title: "b"}}}); err != nil {
		t.Fatal(err)
	}
	_, err := s.DepAdd(t.Context(), []town.Dependency{{Bead: "gt-a", Target: "gt-b", Type: town.DepRelated}, {Bead: "gt-a", Target: "gt-b"}, {Bead: "gt-b", Target: "gt-a"}})
	var bad *BatchError
	if !errors.As(err, &bad) || len(bad.Entries) != 1 || bad.Entries[0].Index != 2 || !errors.Is(err, ErrCycle) {
		t.Errorf("%v", err)
	}
}

// Tangled links are resolved in a bounded number of rounds.
func TestATangleOfLinksIsBounded(t *testing.T) {
	const n = 40
	var fresh []town.Dependency
	for i := range n {
		for j := range n {
			if i != j {
				fresh = append(fresh, town.Dependency{Bead: fmt.Sprint(i), Target: fmt.Sprint(j), Type: town.DepBlocks})
			}
		}
	}
	if found := closings(fresh, nil, nil, blocking...); len(found) < maxRounds || len(found) > len(fresh) {
		t.Errorf("%d", len(found))
	}
}

// Of many unknown ids, only the first get suggestions, because each is compared
// with every bead. All of them say whether the bead was deleted.
func TestSuggestionsAreBounded(t *testing.T) {
	s := newLedger(t)
	made := create(t, s, titled("one"), titled("gone"))
	if err := s.Delete(t.Context(), []string{made[1].ID}, ""); err != nil {
		t.Fatal(err)
	}
	var patches []Patch
	for i := range 3 * maxSuggested {
		patches = append(patches, Patch{ID: fmt.Sprintf("%s%d", made[0].ID, i%10), Claim: true})
	}
	_, err := s.Update(t.Context(), append(patches, Patch{ID: made[1].ID, Claim: true}))
	var bad *BatchError
	if !errors.As(err, &bad) || len(bad.Entries) != len(patches)+1 {
		t.Fatal(err)
	}
	named := 0
	for _, e := range bad.Entries {
		var u *UnknownError
		if errors.As(e.Err, &u) && len(u.Nearest) > 0 {
			named++
		}
		if u.Deleted != (e.ID == made[1].ID) {
			t.Errorf("%+v", e)
		}
	}
	if named != maxSuggested {
		t.Errorf("%d are told what they may have meant", named)
	}
}
