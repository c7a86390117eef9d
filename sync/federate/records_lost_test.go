package federate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/planes/exchange"
	"gastown/sync/share"
	"gastown/town"
)

// A lost exchange is derived again, also by a push alone: records of beads that the
// ledger has and no rule selects any more are taken back. A person is asked only
// before everything is taken back, because no rule is left.
func TestALostExchangeIsTakenBackFrom(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := newSharer(t, "alpha"), newSharer(t, "beta")
	one, two := share.Rule{Name: "one", Labels: []string{"one"}}, share.Rule{Name: "two", Labels: []string{"two"}}
	a.rules(one, two)
	a.beads(town.Bead{ID: "gt-1", Title: "of one", Labels: []string{"one"}}, town.Bead{ID: "gt-2", Title: "of two", Labels: []string{"two"}})
	a.init(url)
	b.join(url)
	a.asked = nil
	for i, left := range [][]share.Rule{{two}, {}} {
		if err := os.RemoveAll(filepath.Dir(a.opts.Layout.Exchange("origin"))); err != nil {
			t.Fatal(err)
		}
		a.rules(left...)
		out := a.push(url)
		if out.Shared == nil || out.Shared.Removed != 1 || out.Shared.Put != 0 || out.Shared.Held != 0 {
			t.Fatalf("%d: %+v", i, out.Shared)
		}
		if len(a.asked) != i {
			t.Fatalf("%d: asked %d times", i, len(a.asked))
		}
	}
	if p := a.asked[0]; !slices.Equal(p.Removed, []string{"gt-2"}) || len(p.Unconfirmed) != 0 {
		t.Errorf("asked about %+v", p)
	}
	b.pull(url)
	err := b.withExchange(func(s *exchange.Store) error {
		n, err := s.Others(t.Context())
		if n != 0 {
			t.Errorf("%d records are still there", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The error of a damaged exchange names the way out, and the exchange is then made
// again with all it held.
func TestADamagedExchangeIsMadeAnew(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := newSharer(t, "alpha"), newSharer(t, "beta")
	a.rules(share.Rule{Name: "all"})
	a.beads(town.Bead{ID: "gt-1", Title: "one"})
	a.init(url)
	b.join(url)
	remote := Remote{Name: "origin", URL: url}
	if err := b.VerifyExchange(t.Context(), remote); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(b.opts.Layout.Exchange("origin"), ".dolt", "noms", "manifest")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Push(t.Context(), remote, false); err == nil || !strings.Contains(town.Next(err), "gt doctor --fix") {
		t.Fatal(err)
	}
	if err := b.VerifyExchange(t.Context(), remote); err == nil || !strings.Contains(town.Next(err), "gt doctor --fix") {
		t.Fatal(err)
	}
	if kept, err := b.PutExchangeAside(t.Context(), remote); err != nil || !dirExists(kept) {
		t.Fatal(kept, err)
	}
	if err := b.VerifyExchange(t.Context(), remote); err != nil {
		t.Fatal(err)
	}
	b.sync(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one"}) {
		t.Fatal(got)
	}
}
