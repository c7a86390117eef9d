package federate

import (
	"os"
	"slices"
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/sync/share"
	"gastown/town"
	"gastown/town/layout"
)

// A ledger that was lost and made again is empty. The shared records stay shared, and
// come back into it; a person is asked again before anything else leaves.
func TestALedgerMadeAnewTakesNothingBack(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := newSharer(t, "alpha"), newSharer(t, "beta")
	a.rules(share.Rule{Name: "all"})
	a.beads(town.Bead{ID: "gt-1", Title: "one"})
	a.init(url)
	b.join(url)

	if err := a.ForgetRules(t.Context(), []Remote{{Name: "origin", URL: url}, {Name: "never-seen", URL: url}}); err != nil {
		t.Fatal(err)
	}
	opts := doltdb.Options{Dir: a.opts.Layout.Data(layout.Ledger), Home: a.opts.Layout.Engine(), Actor: a.opts.Actor}
	if err := os.RemoveAll(opts.Dir); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Create(t.Context(), opts, ledgerUUID)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	a.refuse = true
	if out := a.push(url); !slices.Equal(out.Shared.Waiting, []string{"all"}) || out.Shared.Removed != 0 {
		t.Fatalf("%+v", out.Shared)
	}
	if p := a.asked[len(a.asked)-1]; len(p.Removed) != 0 || len(p.Records) != 1 {
		t.Fatalf("the person was shown %+v", p)
	}
	if got := a.holds(); !slices.Equal(got, []string{"gt-1 one"}) {
		t.Fatalf("the ledger has %q", got)
	}
	b.pull(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one"}) {
		t.Fatalf("beta sees %v", got)
	}
	a.refuse = false
	if out := a.push(url); out.Shared.Removed != 0 || out.Shared.Total != 1 {
		t.Fatalf("confirmed: %+v", out.Shared)
	}
}
