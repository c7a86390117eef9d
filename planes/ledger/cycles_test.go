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

// neverClosed simulates work: a bead is started when what it waits for is closed and its
// parents are started, and closed when its children are closed. It returns what can never
// be closed.
func neverClosed(links []town.Dependency) (left []string) {
	begun, done := map[string]bool{}, map[string]bool{}
	all := map[string]bool{}
	for _, d := range links {
		all[d.Bead], all[d.Target] = true, true
	}
	childrenDone := func(id string) bool {
		return !slices.ContainsFunc(links, func(d town.Dependency) bool { return d.Type == town.DepParent && d.Target == id && !done[d.Bead] })
	}
	for moved := true; moved; {
		moved = false
		for id := range all {
			waits := slices.ContainsFunc(links, func(d town.Dependency) bool {
				switch {
				case d.Bead != id:
					return false
				case d.Type == town.DepParent:
					return !begun[d.Target]
				case d.Type == town.DepWaitsFor:
					return !begun[d.Target] || !childrenDone(d.Target)
				}
				return d.Type != town.DepRelated && !done[d.Target]
			})
			if !begun[id] && !waits {
				begun[id], moved = true, true
			}
			if begun[id] && !done[id] && childrenDone(id) {
				done[id], moved = true, true
			}
		}
	}
	for id := range all {
		if !done[id] {
			left = append(left, id)
		}
	}
	return left
}

// Without the returned links all beads can be started and closed, if they could before.
// Each returned link prevents that together with the links that stay.
func TestClosings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		link := rapid.Custom(func(rt *rapid.T) town.Dependency {
			node := rapid.IntRange(0, 7)
			return town.Dependency{
				Bead: fmt.Sprint(node.Draw(rt, "from")), Target: fmt.Sprint(node.Draw(rt, "to")),
				Type: rapid.SampledFrom(append([]town.DepType{town.DepRelated}, blocking...)).Draw(rt, "type"),
			}
		})
		list := rapid.SliceOfNDistinct(link, 0, 12, linkKey)
		fresh, drawn := list.Draw(rt, "fresh"), list.Draw(rt, "old")
		gone := map[string]bool{}
		var old, stay []town.Dependency // nothing waits forever yet
		for _, d := range drawn {
			if rapid.Bool().Draw(rt, "gone") {
				gone[linkKey(d)] = true
				old = append(old, d)
			} else if len(neverClosed(append(slices.Clone(stay), d))) == 0 {
				old, stay = append(old, d), append(stay, d)
			}
		}
		found := closings(fresh, old, gone)
		kept := slices.Clone(stay)
		for i, d := range fresh {
			if !slices.ContainsFunc(found, func(c closing) bool { return c.index == i }) {
				kept = append(kept, d)
			}
		}
		if never := neverClosed(kept); len(never) > 0 {
			rt.Fatalf("%v can never be closed", never)
		}
		if len(found) > 0 && len(neverClosed(slices.Concat(stay, fresh))) == 0 {
			rt.Fatalf("%v close nothing", found)
		}
		for _, c := range found {
			if !slices.Contains(c.path, c.link.Bead) || !slices.Contains(c.path, c.link.Target) {
				rt.Fatalf("%v closes %q", c.link, c.path)
			}
		}
		if n := len(allCycles(slices.Concat(stay, fresh))); (n > 0) != (len(found) > 0) {
			rt.Fatalf("%d cycles, %d links close some", n, len(found))
		}
	})
}

// The shapes that nobody could close in order, each by its smallest links.
func TestTheSmallestCycles(t *testing.T) {
	for _, c := range []struct {
		name  string
		links []town.Dependency
		want  string
	}{
		{"a child waits for its parent", []town.Dependency{link("b", "a", town.DepParent), link("b", "a", town.DepBlocks)}, "gt-a gt-b"},
		{"a parent waits for its child", []town.Dependency{link("b", "a", town.DepParent), link("a", "b", town.DepBlocks)}, "gt-a gt-b"},
		{"a child waits for its grandparent", []town.Dependency{link("c", "b", town.DepParent), link("b", "a", town.DepParent), link("c", "a", town.DepBlocks)}, "gt-a gt-b gt-c"},
		{"a child waits for what its parent blocks", []town.Dependency{link("b", "a", town.DepParent), link("c", "a", town.DepBlocks), link("b", "c", town.DepBlocks)}, "gt-a gt-b gt-c"},
		{"a child waits for its parent's failure", []town.Dependency{link("b", "a", town.DepParent), link("b", "a", town.DepConditional)}, "gt-a gt-b"},
		{"a child waits for itself and its siblings", []town.Dependency{link("b", "a", town.DepParent), link("b", "a", town.DepWaitsFor)}, "gt-a gt-b"},
		{"a child waits for who waits for all children", []town.Dependency{link("b", "a", town.DepParent), link("c", "a", town.DepWaitsFor), link("b", "c", town.DepBlocks)}, "gt-a gt-b gt-c"},
		{"two parents' children wait for each other", []town.Dependency{link("c", "a", town.DepParent), link("d", "b", town.DepParent), link("c", "b", town.DepBlocks), link("d", "a", town.DepBlocks)}, "gt-a gt-c gt-b gt-d"},
		{"parents in a circle", []town.Dependency{link("a", "b", town.DepParent), link("b", "c", town.DepParent), link("c", "a", town.DepParent)}, "gt-a gt-b gt-c"},
		{"siblings in order", []town.Dependency{link("b", "a", town.DepParent), link("c", "a", town.DepParent), link("c", "b", town.DepBlocks)}, ""},
		{"a child waits for another family", []town.Dependency{link("b", "a", town.DepParent), link("d", "c", town.DepParent), link("b", "c", town.DepBlocks)}, ""},
		{"it waits for another's children", []town.Dependency{link("b", "a", town.DepParent), link("c", "a", town.DepWaitsFor)}, ""},
		{"a sibling waits for a sibling's children", []town.Dependency{link("b", "a", town.DepParent), link("c", "a", town.DepParent), link("d", "b", town.DepParent), link("c", "b", town.DepWaitsFor)}, ""},
	} {
		cycles := allCycles(c.links)
		if c.want == "" && len(cycles) == 0 {
			continue
		}
		if len(cycles) != 1 || !sameSet(cycles[0], strings.Fields(c.want)) {
			t.Errorf("%s: %v", c.name, cycles)
		}
		for i := range c.links { // whichever comes last
			rest := slices.Delete(slices.Clone(c.links), i, i+1)
			if found := closings(c.links[i:i+1], rest, nil); len(found) != 1 {
				t.Errorf("%s: %v last: %v", c.name, c.links[i], found)
			}
		}
	}
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
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
	if found := closings(fresh, nil, nil); len(found) < maxRounds || len(found) > len(fresh) || len(allCycles(slices.DeleteFunc(fresh, func(d town.Dependency) bool {
		return slices.ContainsFunc(found, func(c closing) bool { return c.link == d })
	}))) > 0 {
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
