package ledger

import (
	"slices"
	"testing"

	"gastown/town"
)

// A bead that waits for the children of another waits until the last of them is
// closed, or until the first is if the link says so. A link that names no gate, or
// whose gate is no text that can be read, waits for all of them.
func TestWaitsForChildren(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	child := func(parent string) NewBead {
		n := titled("child")
		n.Parent = parent
		return n
	}
	parent := create(t, s, titled("parent"))[0].ID
	first, second := create(t, s, child(parent))[0].ID, create(t, s, child(parent))[0].ID
	waiter := func(metadata string) string {
		n := titled("waiter")
		n.Dependencies = []town.Dependency{{Target: parent, Type: town.DepWaitsFor, Metadata: metadata}}
		return create(t, s, n)[0].ID
	}
	all := []string{waiter(""), waiter(town.AllChildren), waiter(`{"gate":null}`), waiter(`{"other":1}`)}
	one := waiter(town.AnyChild)
	check := func(when string, want ...string) {
		t.Helper()
		list, err := s.Blocked(ctx, Filter{Sort: []Order{{Field: "id"}}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range list {
			got = append(got, w.ID)
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v wait, want %v", when, got, want)
		}
		ready := readyIDs(t, s, Filter{})
		for _, id := range append(slices.Clone(all), one) {
			if slices.Contains(ready, id) == slices.Contains(want, id) {
				t.Errorf("%s: %s is among ready %v", when, id, ready)
			}
		}
	}
	check("both are open", append(slices.Clone(all), one)...)
	if _, err := s.CloseReady(ctx, []string{first}, Closing{}); err != nil {
		t.Fatal(err)
	}
	check("one is closed", all...)
	if _, err := s.CloseReady(ctx, []string{second}, Closing{}); err != nil {
		t.Fatal(err)
	}
	check("both are closed")
}
