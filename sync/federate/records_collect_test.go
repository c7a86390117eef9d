package federate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gastown/planes/exchange"
	"gastown/planes/ledger"
	"gastown/sync/share"
	"gastown/sync/sign"
	"gastown/town"
)

// Somebody resets the repository's records to an earlier state. The next sync
// repeats the later changes, and no note blames another Town.
func TestRecordsPutBackToAnEarlierState(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	a.beads(town.Bead{ID: "gt-2", Title: "two", Labels: []string{"extra"}})
	a.push(url)
	former := gitOut(t, url, "rev-parse", ledgerRef)
	a.rules(share.Rule{Name: "all"}, share.Rule{Name: "none", Labels: []string{"none"}})
	a.work(func(l *ledger.Store) error { return l.Delete(t.Context(), []string{"gt-2"}, "") })
	a.beads(town.Bead{ID: "gt-3", Title: "three"})
	a.push(url)
	gitOut(t, url, "update-ref", ledgerRef, former)
	out := a.sync(url)
	if len(out.Pulled.Notes) > 0 {
		t.Errorf("%q", out.Pulled.Notes)
	}
	b := newSharer(t, "beta")
	b.join(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one", "gt-3 three"}) {
		t.Errorf("%q", got)
	}
}

// The exchange does not grow with each sync, because garbage of fetches and pushes is
// collected.
func TestTheExchangeIsCollected(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	mirror := tempDir(t)
	var other *exchange.Store
	err := a.withExchange(func(s *exchange.Store) (err error) {
		if err := s.Push(t.Context(), "other", mirror); err != nil {
			return err
		}
		other, err = exchange.Clone(t.Context(), a.exchangeDir(filepath.Join(tempDir(t), "exchange")), "other", mirror, a.exchangeUUID(), "id-other", nil)
		if err == nil {
			other.Keys, err = sign.NewKeys("id-other")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tables := func() int {
		files, err := os.ReadDir(filepath.Join(a.opts.Layout.Exchange("origin"), ".dolt", "noms"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	// Each fetch leaves a file.
	for range 2 {
		err = a.withExchange(func(s *exchange.Store) error {
			for i := range 40 {
				_, err := other.Publish(t.Context(), "other", []share.Record{{ID: fmt.Sprintf("o-%d-%d", tables(), i), Values: map[string]string{"title": "x"}}}, nil)
				if err == nil {
					err = other.Push(t.Context(), "other", mirror)
				}
				if err == nil {
					_, err = s.Fetch(t.Context(), "other", mirror)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	before := tables()
	a.beads(town.Bead{ID: "gt-2", Title: "two"})
	a.push(url)
	if after := tables(); before < 70 || after > before/2 {
		t.Errorf("%d files, and %d after a push", before, after)
	}
	b := newSharer(t, "beta")
	b.join(url)
	if got := b.seen("alpha"); len(got) != 2 {
		t.Errorf("%q", got)
	}
}
