package records

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/exchange"
	"gastown/planes/ledger"
	"gastown/sync/share"
	"gastown/town"
	"gastown/town/layout"
)

// beads is a ledger that holds them in memory.
type beads struct {
	list   []town.Bead
	opened int
	open   int
	asked  []ledger.Filter
	fail   error
}

func (b *beads) OpenLedger(context.Context) (Ledger, error) {
	b.opened++
	b.open++
	return b, nil
}
func (b *beads) CommitOthers(context.Context) error                       { return nil }
func (b *beads) Head(context.Context) (string, error)                     { return "head", b.fail }
func (b *beads) Prefixes(context.Context) (map[string]string, error)      { return nil, nil }
func (b *beads) Known(context.Context, []string) (map[string]bool, error) { return nil, nil }
func (b *beads) Contains(context.Context, string) (bool, error)           { return true, nil }
func (b *beads) Adopt(context.Context, []string, func(string, ledger.Held) (*ledger.Taken, error)) ([]string, error) {
	return nil, nil
}
func (b *beads) Close() error { b.open--; return nil }
func (b *beads) List(_ context.Context, f ledger.Filter, yield func(ledger.Item) error) error {
	b.asked = append(b.asked, f)
	for _, bead := range b.list {
		if err := yield(ledger.Item{Bead: bead}); err != nil {
			return err
		}
	}
	return nil
}

type member string

func (m member) Federation() (uuid, previous string) { return string(m), "" }

func sharingOf(t *testing.T, b *beads, rules ...share.Rule) *Sharing {
	t.Helper()
	l := layout.Town{Root: t.TempDir()}
	f, err := share.Load(l.Sharing())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if err := f.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	return New(Options{
		Layout: l, Town: exchange.Member{ID: "id-alpha", Name: "alpha"}, Actor: town.Actor{Name: "Ada", Email: "ada@example.com"},
		Membership: member("federation-1"), Ledger: b, Now: time.Now, Step: func(string) func() { return func() {} },
	})
}

// A preview shows what leaves, withholds secrets without naming them, and closes
// the ledger.
func TestPreview(t *testing.T) {
	b := &beads{list: []town.Bead{
		{ID: "gt-1", Title: "fine", Labels: []string{"public"}},
		{ID: "gt-2", Title: `password="hunter2hunter2"`, Labels: []string{"public"}},
		{ID: "gt-3", Title: "private"},
		{ID: "gt-4", Title: "bell \x07", Labels: []string{"public"}},
	}}
	s := sharingOf(t, b, share.Rule{Name: "public", Labels: []string{"public"}})
	p, err := s.Preview(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Records) != 1 || p.Records[0].Record.ID != "gt-1" || p.Town.Name != "alpha" || len(p.Removed) != 0 {
		t.Errorf("%+v", p)
	}
	var withheld []string
	for _, w := range p.Withheld {
		withheld = append(withheld, w.ID)
	}
	if !slices.Equal(withheld, []string{"gt-2", "gt-4"}) || strings.Contains(fmt.Sprintf("%+v", p), "hunter2") {
		t.Errorf("withheld %v in %+v", withheld, p)
	}
	if b.open != 0 || len(b.asked) != 1 || !slices.Contains(b.asked[0].Fields, "labels") {
		t.Errorf("%d open, asked %+v", b.open, b.asked)
	}
}

// Without rules the ledger's beads are not read.
func TestPreviewWithoutRules(t *testing.T) {
	b := &beads{list: []town.Bead{{ID: "gt-1", Title: "one"}}}
	p, err := sharingOf(t, b).Preview(t.Context(), nil)
	if err != nil || len(p.Records) != 0 || len(b.asked) != 0 {
		t.Errorf("%+v %v, asked %v", p, err, b.asked)
	}
}

// A ledger that cannot be read is closed, and its error is returned.
func TestPreviewOfABrokenLedger(t *testing.T) {
	b := &beads{fail: errors.New("broken")}
	_, err := sharingOf(t, b, share.Rule{Name: "all"}).Preview(t.Context(), nil)
	if !errors.Is(err, b.fail) || b.open != 0 {
		t.Errorf("%v, %d open", err, b.open)
	}
}

// A dry run counts what a push would do, and names the rules that wait.
func TestForetell(t *testing.T) {
	b := &beads{list: []town.Bead{{ID: "gt-1", Title: "one"}}}
	s := sharingOf(t, b, share.Rule{Name: "all"})
	out, err := s.Foretell(t.Context(), origin, State{})
	if err != nil || out.Put != 1 || out.Removed != 0 || out.Total != 1 || !slices.Equal(out.Waiting, []string{"all"}) || !out.Moved() {
		t.Errorf("%+v %v", out, err)
	}
	f, err := share.Load(s.opts.Layout.Sharing())
	if err != nil {
		t.Fatal(err)
	}
	out, err = s.Foretell(t.Context(), origin, State{Agreed: f.Rules.Agreed(nil), At: origin.URL})
	if err != nil || len(out.Waiting) != 0 || out.Put != 1 {
		t.Errorf("approved: %+v %v", out, err)
	}
	if out, err := sharingOf(t, b).Foretell(t.Context(), origin, State{}); out != nil || err != nil || out.Moved() {
		t.Errorf("without rules: %+v %v", out, err)
	}
}

// Session and Plan may be nil, for a call without records.
func TestNothingIsExchanged(t *testing.T) {
	var s *Session
	var p *Plan
	if s.Head() != "" || s.Arrived() || s.Mended() || p.Shared() != nil || p.Staged() {
		t.Error("a call without records says otherwise")
	}
	if err := errors.Join(p.Stage(t.Context()), p.Reset(t.Context()), p.Adapt(t.Context())); err != nil {
		t.Error(err)
	}
	p.Published()
}
