package ledger

import "testing"

// Memories are read once, and anew after each change of the ledger. A caller may change
// what it got.
func TestMemoriesAreCached(t *testing.T) {
	s := newLedger(t)
	r := second(t, s)
	r.Cached(NewCaches(0, 0))
	read := func(want string, queries int64) {
		t.Helper()
		before := r.Queries()
		list, err := r.Memories(t.Context(), "")
		if err != nil || len(list) != 1 || list[0].Text != want {
			t.Fatalf("%+v, %v", list, err)
		}
		list[0].Text = "changed by the caller"
		if n := r.Queries() - before; n != queries {
			t.Errorf("%q took %d queries, want %d", want, n, queries)
		}
	}
	state := int64(0)
	if options(s.Dir()).External != nil {
		state = 1 // a server of somebody else is asked for its state at each read
	}
	for _, text := range []string{"one", "two"} {
		if _, _, err := s.Remember(t.Context(), Memory{Name: "name", Text: text}); err != nil {
			t.Fatal(err)
		}
		read(text, state+1)
		read(text, state)
	}
}
