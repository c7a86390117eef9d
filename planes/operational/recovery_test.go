package operational

import (
	"errors"
	"testing"
	"time"

	"gastown/town"
)

// A bead loses so many workers, then it is blocked; when a person lets it go on that
// begins anew. What was given back waits with the options of its former assignment.
func TestRecoveries(t *testing.T) {
	s, _ := create(t)
	defer s.Close()
	lost := Lost{Why: "it hung", Saved: "refs/gt/rescue/x", Most: 2, Actor: "web/witness"}
	give := func(a Assignment) Recovery {
		t.Helper()
		if _, err := s.BeginRecovery(t.Context(), a.Ticket, "hangs", noon); err != nil {
			t.Fatal(err)
		}
		if w, err := s.Work(t.Context()); err != nil || !w.Recovering(a.Epoch) {
			t.Fatalf("%+v, %v", w.Recoveries, err)
		}
		r, err := s.GiveBack(t.Context(), a.Ticket, lost, noon)
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.Work(t.Context())
		if err != nil || len(w.Recoveries) == 0 || w.Recovering(a.Epoch) || w.Recoveries[len(w.Recoveries)-1] != r {
			t.Fatalf("%+v, %v, want %+v", w.Recoveries, err, r)
		}
		if _, err := s.Told(t.Context(), a.Epoch, map[RecoveryState]town.AssignmentState{RecoveryReturned: town.Returned, RecoveryBlocked: town.Stuck}[r.State]); err != nil {
			t.Fatal(err)
		}
		return r
	}
	first, err := s.Assign(t.Context(), Order{Bead: "web-a", Agent: nux, Options: town.Sling{Preset: "codex"}, By: "ada"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if r := give(first); r.State != RecoveryReturned {
		t.Fatalf("%+v", r)
	}
	for _, want := range []bool{true, false} { // the second time it waits already
		if waits, err := s.Requeue(t.Context(), first.Epoch, 3, noon); err != nil || waits != want {
			t.Fatal(waits, err)
		}
	}
	w, err := s.Work(t.Context())
	if err != nil || len(w.Queue) != 1 || w.Queue[0].Options.Preset != "codex" || w.Queue[0].By != "ada" || w.Queue[0].Priority != 3 || len(w.Recoveries) != 0 {
		t.Fatalf("%+v, %v", w, err)
	}
	second := s.mustAssign(t, "web-a", nux)
	if r := give(second); r.State != RecoveryBlocked {
		t.Fatalf("%+v", r)
	}
	if waits, err := s.Requeue(t.Context(), second.Epoch, 3, noon); err != nil || waits {
		t.Errorf("a blocked bead waits: %v", err)
	}
	if err := s.SettleRecovery(t.Context(), second.Epoch, RecoveryBlocked, RecoveryFreed, noon); err != nil {
		t.Fatal(err)
	}
	third := s.mustAssign(t, "web-a", nux)
	if r := give(third); r.State != RecoveryReturned {
		t.Errorf("a person let it go on: %+v", r)
	}
	// Somebody else was faster.
	s.mustAssign(t, "web-a", nux)
	if waits, err := s.Requeue(t.Context(), third.Epoch, 3, noon); err != nil || waits {
		t.Errorf("a bead that somebody has waits: %v", err)
	}
	if w, err := s.Work(t.Context()); err != nil || len(w.Recoveries) != 0 {
		t.Errorf("%+v, %v", w.Recoveries, err)
	}
}

// A worker that was lost with its host does not count against its bead.
func TestAMovedRecoveryDoesNotCount(t *testing.T) {
	s, _ := create(t)
	defer s.Close()
	for i, want := range []RecoveryState{RecoveryReturned, RecoveryReturned, RecoveryBlocked} {
		a := s.mustAssign(t, "web-a", nux)
		lost := Lost{Why: "it hung", Most: 2}
		if i == 0 {
			lost.Most = 0
		}
		r, err := s.GiveBack(t.Context(), a.Ticket, lost, noon)
		if err != nil || r.State != want {
			t.Fatalf("loss %d: %+v, %v, want %s", i, r, err, want)
		}
		if want == RecoveryBlocked {
			return
		}
		if _, err := s.Told(t.Context(), a.Epoch, town.Returned); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if waits, err := s.Requeue(t.Context(), a.Epoch, 2, noon); err != nil || !waits {
				t.Fatal(waits, err)
			}
			if err := s.SettleRecovery(t.Context(), a.Epoch, RecoveryQueued, RecoveryMoved, noon); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A worker that hands in, or off, before its bead is given back is faster.
func TestARecoveryThatComesLate(t *testing.T) {
	s, _ := create(t)
	defer s.Close()
	a := s.mustAssign(t, "web-a", nux)
	if _, err := s.BeginRecovery(t.Context(), a.Ticket, "hangs", noon); err != nil {
		t.Fatal(err)
	}
	next, err := s.Renew(t.Context(), a.Ticket, Renewal{Reason: "handed off"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.GiveBack(t.Context(), a.Ticket, Lost{Why: "hangs"}, noon); !errors.As(err, new(*StaleError)) {
		t.Fatalf("%v", err)
	}
	if _, err := s.BeginRecovery(t.Context(), next, "hangs", noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Submit(t.Context(), next, mergeRequest(), noon); err != nil {
		t.Fatal(err)
	}
	if w, err := s.Work(t.Context()); err != nil || len(w.Recoveries) != 0 || len(w.Merges) != 1 {
		t.Errorf("%+v, %v", w, err)
	}
}

// What a patrol saw is read as it was written; a nudge counts while its ticket does.
func TestWatch(t *testing.T) {
	s, _ := create(t)
	defer s.Close()
	a := s.mustAssign(t, "web-a", nux)
	ace := town.PolecatAddress("web", "ace")
	b := s.mustAssign(t, "web-b", ace)
	if err := s.End(t.Context(), b.Ticket, town.Released, "", "ada", noon); err != nil {
		t.Fatal(err)
	}
	row := Watched{
		Agent: nux, Run: 1, Epoch: a.Epoch, Print: "t/h", Moved: noon, Walked: noon, CPU: time.Second, Sampled: noon, Verdict: "stalled", Cause: "silent", Evidence: "no output",
		Since: noon, Nudges: 1, Nudged: noon,
	}
	stale := row
	stale.Agent = ace
	nudge := func(a Assignment) Nudging {
		return Nudging{a.Ticket, Nudge{Agent: a.Agent, Run: a.Run, Kind: NudgeLine, From: "web/witness", Text: "go on", Expires: noon.Add(time.Hour)}}
	}
	for range 2 {
		if err := s.Watch(t.Context(), []Watched{row, stale}, []Nudging{nudge(a), nudge(b)}, noon); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Watched(t.Context())
	if err != nil || len(all) != 1 || all[0] != row {
		t.Errorf("%+v, %v, want %+v", all, err, row)
	}
	if board, err := s.NudgeBoard(t.Context()); err != nil || len(board.Open) != 2 || board.Open[0].Agent != nux || board.Open[1].Agent != nux {
		t.Errorf("%+v, %v", board, err)
	}
}
