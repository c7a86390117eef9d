package federate

import (
	"os"
	"slices"
	"testing"

	"gastown/planes/ledger"
	"gastown/sync/records"
	"gastown/sync/share"
	"gastown/town"
)

// The state of a remote may be lost, with or without the files beside it. Once the
// remote is confirmed again the records are as before, without those that were
// staged and never published.
func TestALostStateSendsNothingElse(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(a *sharer) error{
		"the state":         func(a *sharer) error { return os.Remove(a.statePath("origin")) },
		"the state's text":  func(a *sharer) error { return os.WriteFile(a.statePath("origin"), []byte("{"), 0o600) },
		"all of the remote": func(a *sharer) error { return os.RemoveAll(a.opts.Layout.Remote("origin")) },
		"the exchange":      func(a *sharer) error { return os.RemoveAll(a.opts.Layout.Exchange("origin")) },
		"the mirrors": func(a *sharer) error {
			state, err := os.ReadFile(a.statePath("origin"))
			if err == nil {
				err = os.RemoveAll(a.opts.Layout.Remote("origin"))
			}
			if err == nil {
				err = os.MkdirAll(a.opts.Layout.Remote("origin"), 0o700)
			}
			if err == nil {
				err = os.WriteFile(a.statePath("origin"), state, 0o600)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := bare(t)
			a, b := newSharer(t, "alpha"), newSharer(t, "beta")
			a.rules(share.Rule{Name: "all", Fields: []string{"title", "description"}})
			a.beads(town.Bead{ID: "gt-1", Title: "SHARED-ONE"})
			a.init(url)
			b.rules(share.Rule{Name: "all"})
			b.beads(town.Bead{ID: "b-1", Title: "of b"})
			b.join(url)
			a.describe("gt-1", "PLANTED-ONE")
			a.fails(url)
			if err := lose(a); err != nil {
				t.Fatal(err)
			}
			a.describe("gt-1", "SHARED-LATER")
			if _, err := a.Push(t.Context(), Remote{Name: "origin", URL: url}, false); err != nil {
				a.join(url) // no person has confirmed it
			}
			a.push(url)
			if has(t, url, "PLANTED") || !has(t, url, "SHARED-LATER") {
				t.Errorf("what was taken out before it was published has left: %t, the rest has: %t", has(t, url, "PLANTED"), has(t, url, "SHARED-LATER"))
			}
			b.pull(url)
			if of, ofA := b.seen("alpha"), a.seen("beta"); !slices.Equal(of, []string{"gt-1 SHARED-ONE"}) || !slices.Equal(ofA, []string{"b-1 of b"}) {
				t.Errorf("%q %q", of, ofA)
			}
		})
	}
}

// A person agrees to what was shown. Later changes of the ledger or the rules need
// a new agreement.
func TestAgreementIsToWhatWasShown(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a := newSharer(t, "alpha")
	a.init(url)
	a.rules(share.Rule{Name: "all", Labels: []string{"all"}})
	a.beads(town.Bead{ID: "gt-1", Title: "SHARED-ONE", Labels: []string{"all"}})
	asked := a.opts.Approver
	a.opts.Approver = approver(func(p records.Preview) error {
		a.beads(town.Bead{ID: "gt-2", Title: "LATER-TWO", Labels: []string{"all"}}, town.Bead{ID: "gt-3", Title: "PLANTED", Labels: []string{"more"}})
		a.rules(share.Rule{Name: "all", Labels: []string{"all"}}, share.Rule{Name: "more", Labels: []string{"more"}})
		return asked.ApproveRules(t.Context(), p)
	})
	a.Engine = New(a.opts)
	if a.push(url); !has(t, url, "SHARED-ONE") || has(t, url, "LATER") || has(t, url, "PLANTED") {
		t.Error("what was sent is not what was shown")
	}
	a.opts.Approver, a.refuse = asked, true
	a.Engine = New(a.opts)
	if out := a.push(url); !slices.Equal(out.Shared.Waiting, []string{"more"}) || has(t, url, "PLANTED") {
		t.Errorf("%+v", out.Shared)
	}
}

// A rule for a rig must be approved again when the rig's prefix has changed, because
// it then selects other beads.
func TestARigWithAnotherPrefixIsAskedAbout(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a := newSharer(t, "alpha")
	a.rules(share.Rule{Name: "web", Rig: "web"})
	a.beads(town.Bead{ID: "web-1", Title: "SHARED"}, town.Bead{ID: "inner-1", Title: "PLANTED"})
	a.init(url)
	a.work(func(l *ledger.Store) error { return l.SetPrefix(t.Context(), "web", "inner") })
	a.refuse, a.asked = true, nil
	out := a.push(url)
	if len(a.asked) != 1 || !slices.Equal(out.Shared.Waiting, []string{"web"}) || has(t, url, "PLANTED") || !has(t, url, "SHARED") {
		t.Errorf("asked %d times, %+v", len(a.asked), out.Shared)
	}
}

// A rule that was removed and added again must be approved again.
func TestARuleThatComesBackIsAskedAbout(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	for _, rest := range []share.Rules{nil, {{Name: "other", Labels: []string{"other"}}}} {
		a.refuse = false
		a.rules(append(rest, share.Rule{Name: "all"})...)
		a.push(url)
		a.rules(rest...)
		if out := a.push(url); out.Shared.Removed != 1 || len(out.Shared.Waiting) != 0 {
			t.Fatalf("%+v", out.Shared)
		}
		a.rules(append(rest, share.Rule{Name: "all"})...)
		a.refuse, a.asked = true, nil
		if out := a.push(url); !slices.Equal(out.Shared.Waiting, []string{"all"}) || out.Shared.Put != 0 || len(a.asked) != 1 {
			t.Errorf("asked %d times, %+v", len(a.asked), out.Shared)
		}
	}
}
