package polecat

import (
	"maps"
	"path/filepath"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/town"
)

func newLedger(t *testing.T) *ledger.Store {
	t.Helper()
	dir := t.TempDir()
	l, err := ledger.Create(t.Context(), doltdb.Options{Dir: filepath.Join(dir, "ledger"), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// The steps of a formula end with their bead, other than what was closed before or what
// somebody else has. A child that is no step is another piece of work.
func TestStepsEndWithTheirBead(t *testing.T) {
	l := newLedger(t)
	const nux = "web/polecats/nux"
	var list []ledger.NewBead
	for id, b := range map[string]town.Bead{
		"web-a": {}, "web-a.1": {Labels: []string{town.StepLabel("bugfix")}, Assignee: nux}, "web-a.2": {Labels: []string{town.StepLabel("bugfix")}},
		"web-a.3": {Labels: []string{town.StepLabel("bugfix")}}, "web-a.4": {Labels: []string{town.StepLabel("bugfix")}, Assignee: "ada"}, "web-a.5": {},
	} {
		b.ID, b.Title = id, id
		if id != "web-a" {
			b.Dependencies = []town.Dependency{{Bead: id, Target: "web-a", Type: town.DepParent}}
		}
		list = append(list, ledger.NewBead{Bead: b})
	}
	if _, err := l.Create(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Update(t.Context(), []ledger.Patch{{ID: "web-a.2", Status: new(town.StatusClosed), CloseReason: new("done")}}); err != nil {
		t.Fatal(err)
	}
	b := Beads{Store: l}
	for range 2 {
		if err := b.Close(t.Context(), "web-a", nux, "on main"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(t.Context(), "web-none", nux, "on main"); err != nil {
		t.Error(err)
	}
	found, err := l.Existing(t.Context(), []string{"web-a", "web-a.1", "web-a.2", "web-a.3", "web-a.4", "web-a.5"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, b := range found {
		got[b.ID] = b.CloseReason
	}
	want := map[string]string{"web-a": "on main", "web-a.1": "with web-a", "web-a.2": "done", "web-a.3": "with web-a", "web-a.4": "", "web-a.5": ""}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A bead that a refinery gives back says so once, and the refinery is named everywhere: as
// the author of the comment and in the audit trail, from which the feed is made.
func TestGiveBackNamesWhoDidIt(t *testing.T) {
	l := newLedger(t)
	if _, err := l.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: "web-a", Title: "a"}}}); err != nil {
		t.Fatal(err)
	}
	const nux, text = "web/polecats/nux", "Merge request 1 (b at 12) was given back: the check test failed."
	b := Beads{Store: l}
	if err := b.Claim(t.Context(), "web-a", nux); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.GiveBack(t.Context(), "web-a", nux, town.StatusOpen, "web/refinery", text); err != nil {
			t.Fatal(err)
		}
	}
	found, err := l.Existing(t.Context(), []string{"web-a"}, nil)
	if err != nil || len(found) != 1 || len(found[0].Comments) != 1 || found[0].Comments[0].Author != "web/refinery" || found[0].Status != town.StatusOpen {
		t.Fatalf("%+v, %v", found, err)
	}
	trail, err := l.History(t.Context(), "web-a")
	if err != nil {
		t.Fatal(err)
	}
	actors := map[string]string{}
	for _, e := range trail {
		actors[e.Kind] = e.Actor // the last of its kind
	}
	if actors["created"] != "ada" || actors["commented"] != "web/refinery" {
		t.Errorf("%v", actors)
	}
}
