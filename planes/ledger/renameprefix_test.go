package ledger

import (
	"errors"
	"strings"
	"testing"

	"gastown/town"
)

// Ids, links, what belongs to beads, their history and the texts that name them get
// the new prefix; everything else stays.
func TestRenamePrefix(t *testing.T) {
	s := newLedger(t)
	bead := func(id, text string, deps ...town.Dependency) NewBead {
		return NewBead{Bead: town.Bead{ID: id, Title: text, Description: "see " + text + ".", Labels: []string{"l"}, Dependencies: deps, Comments: []town.Comment{{Text: "said"}}}}
	}
	create(t, s, bead("old-a", "as old-b, not old-bx nor xold-b"), bead("old-b", "old-a.1"), bead("old-more-c", "of old-a"), bead("other-d", "old-a", town.Dependency{Target: "old-a"}))
	child := titled("child")
	child.Parent = "old-a"
	create(t, s, child)
	was := exported(t, s)
	dry, err := s.RenamePrefix(t.Context(), Renaming{From: "old", To: "new", DryRun: true})
	if err != nil || len(dry) != 3 || exported(t, s) != was {
		t.Errorf("%+v, %v", dry, err)
	}
	renamed, err := s.RenamePrefix(t.Context(), Renaming{From: "old", To: "new"})
	if err != nil || len(renamed) != 3 || renamed[1] != (Renamed{"old-a.1", "new-a.1"}) {
		t.Fatalf("%+v, %v", renamed, err)
	}
	want := strings.NewReplacer(`"old-a"`, `"new-a"`, `"old-a.1"`, `"new-a.1"`, `"old-b"`, `"new-b"`, "as old-b,", "as new-b,", "see old-a", "see new-a", "of old-a", "of new-a").Replace(was)
	var got, expected []string
	for line := range strings.Lines(exported(t, s)) {
		got = append(got, line)
	}
	for line := range strings.Lines(want) {
		expected = append(expected, line)
	}
	if strings.Join(got, "") != strings.Join(expected, "") {
		t.Errorf("%s\nnot\n%s", strings.Join(got, ""), strings.Join(expected, ""))
	}
	if events, err := s.History(t.Context(), "new-a"); err != nil || len(events) < 2 || events[0].New != "new-a" && events[len(events)-1].New != "new-a" {
		t.Errorf("%+v, %v", events, err)
	}
	if _, err := s.RenamePrefix(t.Context(), Renaming{To: "new"}); err != nil {
		t.Error(err)
	}
	if st, err := s.Stats(t.Context()); err != nil || st.Total != 5 || strings.Contains(exported(t, s), `"id":"old-`) || !strings.Contains(exported(t, s), `"id":"new-c"`) {
		t.Errorf("%+v, %v", st, err)
	}
	create(t, s, bead("z-a", "taken"))
	if _, err := s.RenamePrefix(t.Context(), Renaming{From: "z", To: "new"}); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if _, err := s.RenamePrefix(t.Context(), Renaming{From: "z", To: "No way"}); !errors.Is(err, town.ErrBadBead) {
		t.Error(err)
	}
}
