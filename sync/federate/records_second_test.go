package federate

import (
	"slices"
	"testing"

	"gastown/sync/share"
	"gastown/town"
)

// at pushes to a remote that was joined before.
func (s *sharer) at(name, url string) Pushed {
	s.t.Helper()
	out, err := s.Push(s.t.Context(), Remote{Name: name, URL: url}, false)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// A second repository gets the records as they are now, without the history that the
// first one has, whatever a person answers.
func TestSecondRemoteGetsNoHistory(t *testing.T) {
	t.Parallel()
	first, second := bare(t), bare(t)
	a := newSharer(t, "alpha")
	a.rules(share.Rule{Name: "all", Fields: []string{"title", "description"}})
	a.beads(town.Bead{ID: "gt-1", Title: "SHARED-ONE", Description: "PLANTED-ONE"}, town.Bead{ID: "gt-2", Title: "SHARED-TWO"})
	a.init(first)
	a.describe("gt-1", "SHARED-LATER")
	a.push(first)
	gitOut(t, first, "push", "-q", second, dataRef) // the federation, without records
	remote := Remote{Name: "second", URL: second}

	a.refuse = true
	a.alsoAt("second", second)
	if p := a.asked[len(a.asked)-1]; p.Remote != remote || len(p.Records) != 2 {
		t.Fatalf("%+v", p)
	}
	for range 2 {
		if out := a.at("second", second); !slices.Equal(out.Shared.Waiting, []string{"all"}) {
			t.Fatalf("%+v", out.Shared)
		}
	}
	if refs := gitOut(t, second, "for-each-ref", ledgerRef); refs != "" {
		t.Fatal("records are there")
	}
	a.refuse = false
	if out := a.at("second", second); out.Shared.Put != 2 {
		t.Fatalf("%+v", out.Shared)
	}
	if has(t, second, "PLANTED") || !has(t, second, "SHARED-LATER") {
		t.Error("the past is there, or the present is not")
	}
	a.asked = nil
	a.beads(town.Bead{ID: "gt-3", Title: "SHARED-THREE"})
	if out := a.at("second", second); out.Shared.Put != 1 || len(a.asked) != 0 {
		t.Fatalf("%+v, asked %d times", out.Shared, len(a.asked))
	}
}

// Records are taken back although another rule waits for an approval, and nothing
// new leaves with that push.
func TestWithdrawingDoesNotWait(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := newSharer(t, "alpha"), newSharer(t, "beta")
	one, two := share.Rule{Name: "one", Labels: []string{"one"}}, share.Rule{Name: "two", Labels: []string{"two"}}
	a.rules(one, two)
	a.beads(town.Bead{ID: "gt-1", Title: "of one", Labels: []string{"one"}}, town.Bead{ID: "gt-2", Title: "of two", Labels: []string{"two"}})
	a.init(url)
	a.refuse = true
	a.rules(two, share.Rule{Name: "new", Labels: []string{"new"}})
	a.beads(town.Bead{ID: "gt-3", Title: "of new", Labels: []string{"new"}}, town.Bead{ID: "gt-4", Title: "more of two", Labels: []string{"two"}})
	out := a.push(url)
	if out.Shared.Removed != 1 || out.Shared.Put != 0 || !slices.Equal(out.Shared.Waiting, []string{"new"}) {
		t.Fatalf("%+v", out.Shared)
	}
	b.join(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-2 of two"}) {
		t.Fatal(got)
	}
	a.refuse = false
	if out := a.push(url); out.Shared.Put != 2 || out.Shared.Removed != 0 {
		t.Fatalf("%+v", out.Shared)
	}
	b.pull(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-2 of two", "gt-3 of new", "gt-4 more of two"}) {
		t.Fatal(got)
	}
}
