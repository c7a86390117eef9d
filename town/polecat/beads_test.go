package polecat

import (
	"path/filepath"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/town"
)

// A bead that a refinery gives back says so once, and the refinery is named everywhere: as
// the author of the comment and in the audit trail, from which the feed is made.
func TestGiveBackNamesWhoDidIt(t *testing.T) {
	dir := t.TempDir()
	l, err := ledger.Create(t.Context(), doltdb.Options{Dir: filepath.Join(dir, "ledger"), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
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
