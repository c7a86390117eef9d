package operational

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"gastown/planes/doltdb"
	"gastown/town"
	"gastown/town/spending"
)

// used is a sum of a conversation of web/polecats/nux.
func used(bead, day string, tokens int64) Spent {
	return Spent{Session: "s1", Sum: spending.Sum{
		Agent: town.PolecatAddress("web", "nux"), Bead: bead, Day: day, Model: "m", Messages: 1, Usage: spending.Usage{Input: tokens, Output: 1},
	}}
}

func spentIn(t *testing.T, s *Store, since string, beads ...string) (text string) {
	t.Helper()
	all, err := s.Spending(t.Context(), since, beads...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		text += fmt.Sprint(p.Agent.Name, " ", p.Bead, " ", p.Day, " ", p.Messages, " ", p.Input, " ", p.Output, ";")
	}
	return text
}

// What was read of a transcript counts once, whoever records it and however often.
func TestSpend(t *testing.T) {
	s, _ := create(t)
	now := noon
	spend := func(want int, list ...Read) {
		t.Helper()
		did, err := s.Spend(t.Context(), list, now)
		n := len(slices.DeleteFunc(slices.Clone(did), func(d bool) bool { return !d }))
		if err != nil || n != want || len(did) != len(list) {
			t.Fatalf("recorded were %v, %v; want %d", did, err, want)
		}
	}
	a, b := TranscriptOf(spending.Claude, "/h/a.jsonl", "/h"), TranscriptOf(spending.Claude, "/h/b.jsonl", "/h")
	first := Read{Before: a, Stamp: "1", State: "{}", Sums: []Spent{used("web-a1", "2031-03-10", 5), used("", "2031-03-09", 7)}, Messages: []uint64{1, 1 << 63}}
	spend(1, first)
	spend(0, first)
	then := a
	then.State = "{}"
	more := Read{Before: then, Stamp: "2", State: `{"offset":9}`, Sums: []Spent{used("web-a1", "2031-03-10", 10)}, Messages: []uint64{3}}
	spend(2, more, Read{Before: b, State: `{"own":true}`, Sums: []Spent{used("web-b2", "2031-01-01", 100)}})
	spend(0, more)
	if got := spentIn(t, s, ""); got != "nux web-b2 2031-01-01 1 100 1;nux  2031-03-09 1 7 1;nux web-a1 2031-03-10 2 15 2;" {
		t.Error(got)
	}
	if got := spentIn(t, s, "2031-03-10", "web-b2"); got != "nux web-b2 2031-01-01 1 100 1;nux web-a1 2031-03-10 2 15 2;" {
		t.Error(got)
	}
	all, err := s.Transcripts(t.Context())
	if err != nil || len(all) != 2 || all[a.Source].State != more.State || all[a.Source].Stamp != "2" || all[a.Source].Folder != a.Folder {
		t.Errorf("%+v, %v", all, err)
	}
	for which, want := range map[Transcript]int{a: 0, b: 3, TranscriptOf(spending.Codex, "/h/c", "/h"): 0} {
		if ids, err := s.CountedMessages(t.Context(), which); err != nil || len(ids) != want || want > 0 && !ids[1<<63] {
			t.Errorf("%v, %v; want %d", ids, err, want)
		}
	}
	then.State = more.State
	spend(1, Read{Before: then, State: "{}", Anew: true, Sums: []Spent{used("web-a1", "2031-03-10", 1)}})
	if got := spentIn(t, s, "2031-03-01"); got != "nux web-a1 2031-03-10 1 1 1;" {
		t.Error(got)
	}
	// After 61 days nobody knows any more how far it was read. What it counted is settled and
	// stays, with its bead. Read anew, only what came later counts.
	now = noon.AddDate(0, 0, 62)
	if n, err := s.PruneSpending(t.Context(), now); err != nil || n != 2 {
		t.Errorf("%d rows were removed, %v", n, err)
	}
	later := Read{Before: a, State: "{}", Sums: []Spent{used("web-a1", "2031-05-10", 1)}}
	spend(1, later)
	if got := spentIn(t, s, "2031-03-01"); got != "nux web-a1 2031-03-10 1 1 1;nux web-a1 2031-05-10 1 1 1;" {
		t.Error(got)
	}
	later.Before.State, later.Anew = "{}", true // what is not settled is replaced
	spend(1, later)
	if got := spentIn(t, s, "2031-03-01"); got != "nux web-a1 2031-03-10 1 1 1;nux web-a1 2031-05-10 1 1 1;" {
		t.Error(got)
	}
	if n, err := s.PruneSpending(t.Context(), noon.AddDate(2, 0, 0)); err != nil || n != 4 || spentIn(t, s, "") != "" {
		t.Errorf("%d rows were removed, %v: %s", n, err, spentIn(t, s, ""))
	}
	ids := make([]uint64, 2*maxIDs+1)
	for i := range ids {
		ids[i] = uint64(i)
	}
	spend(1, Read{Before: a, State: "{}", Messages: ids})
	if got, err := s.CountedMessages(t.Context(), b); err != nil || len(got) != len(ids) {
		t.Errorf("%d messages, %v", len(got), err)
	}
}

// Assignments and conversations say whose a message is, and on which bead.
func TestBegun(t *testing.T) {
	s, _ := create(t)
	nux := town.PolecatAddress("web", "nux")
	a, err := s.Assign(t.Context(), Order{Bead: "web-a1", Agent: nux}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Converses(t.Context(), nux, a.Run, town.Conversation{Preset: "claude", ID: "c1"}, noon); err != nil || !ok {
		t.Fatal(ok, err)
	}
	begun, err := s.Begun(t.Context(), []town.Address{nux, town.PolecatAddress("web", "ada")})
	if err != nil || !slices.Equal(begun, []Begun{{Agent: nux, Bead: "web-a1", At: noon}}) {
		t.Errorf("%+v, %v", begun, err)
	}
	whose, err := s.Conversing(t.Context(), []string{"c1", "c2"})
	if err != nil || len(whose) != 1 || whose["c1"] != nux {
		t.Errorf("%+v, %v", whose, err)
	}
}

// A plane from before the spending opens.
func TestSpendingIsAddedToAnOlderPlane(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "operational")
	before := slices.IndexFunc(migrations, func(m doltdb.Migration) bool { return m.Name == spendingSchema.Name })
	db, err := doltdb.CreateStore(t.Context(), options(dir), uuid, migrations[:before])
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := spentIn(t, s, ""); got != "" {
		t.Error(got)
	}
}
