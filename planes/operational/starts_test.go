package operational

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// rowsOf counts the rows of a table.
func (s *Store) rowsOf(t *testing.T, table string) (n int) {
	t.Helper()
	err := s.db.View(t.Context(), func(tx *doltdb.Tx) error {
		return tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Of what ended only what is young enough stays, and all that still holds a bead.
func TestPruneWork(t *testing.T) {
	s, _ := create(t)
	defer s.Close()
	day := 24 * time.Hour
	end := func(bead string, agent town.Address, how town.AssignmentState, at time.Time, told bool) {
		t.Helper()
		a := s.mustAssign(t, bead, agent)
		err := s.End(t.Context(), a.Ticket, how, "a test", "ada", at)
		if err == nil && told {
			_, err = s.Told(t.Context(), a.Epoch, how)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	submit := func(bead string, agent town.Address, decide MergeState, at time.Time) {
		t.Helper()
		a := s.mustAssign(t, bead, agent)
		err := s.Submit(t.Context(), a.Ticket, mergeRequest(), at)
		if err == nil && decide != "" {
			err = s.Decide(t.Context(), a.Ticket, Verdict{State: decide, Landed: strings.Repeat("c", 40), Reason: "a test"}, "ada", at)
			if err == nil {
				_, err = s.Told(t.Context(), a.Epoch, ends[decide])
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	end("web-old", nux, town.Finished, noon, true)
	end("web-young", nux, town.Released, noon.Add(20*day), true)
	end("web-untold", nux, town.Returned, noon, false) // the ledger does not know yet
	submit("web-landed", nux, MergeLanded, noon)
	submit("web-returned", nux, MergeFailed, noon.Add(20*day))
	submit("web-open", nux, "", noon)
	s.mustAssign(t, "web-held", ace)
	last := s.mustAssign(t, "web-next", nux)
	if a, m := s.rowsOf(t, "assignments"), s.rowsOf(t, "merge_requests"); a != 8 || m != 3 {
		t.Fatalf("%d assignments, %d merge requests", a, m)
	}
	for i, want := range []int64{3, 0} {
		if n, err := s.PruneWork(t.Context(), noon.Add(day)); err != nil || n != want {
			t.Errorf("pass %d removed %d, want %d: %v", i, n, want, err)
		}
	}
	if a, m := s.rowsOf(t, "assignments"), s.rowsOf(t, "merge_requests"); a != 6 || m != 2 {
		t.Errorf("%d assignments, %d merge requests", a, m)
	}
	// Everything that ended is old; what holds a bead stays.
	if _, err := s.PruneWork(t.Context(), noon.Add(1000*day)); err != nil {
		t.Fatal(err)
	}
	if a, m := s.rowsOf(t, "assignments"), s.rowsOf(t, "merge_requests"); a != 4 || m != 1 {
		t.Errorf("%d assignments, %d merge requests", a, m)
	}
	if err := s.End(t.Context(), last.Ticket, town.Released, "a test", "ada", noon); err != nil {
		t.Fatal(err)
	}
	if a := s.mustAssign(t, "web-later", nux); a.Epoch != last.Epoch+1 {
		t.Errorf("epoch %d after %d", a.Epoch, last.Epoch)
	}
}

// What keeps an assignment from beginning counts for its ticket only, and goes with it.
func TestFailedStarts(t *testing.T) {
	s, _ := create(t)
	defer s.Close()
	a := s.mustAssign(t, "web-a", nux)
	again := func(tries int) time.Time { return noon.Add(time.Duration(tries) * time.Minute) }
	for want := 1; want <= 2; want++ {
		if n, err := s.Failed(t.Context(), a.Ticket, "no room", again); err != nil || n != want {
			t.Fatalf("%d, %v", n, err)
		}
	}
	w := s.mustWork(t)
	if tr := w.Assignments[0].Trouble; tr == nil || *tr != (StartTrouble{2, noon.Add(2 * time.Minute), "no room"}) || w.Agents[0].Evidence != "no room" {
		t.Errorf("%+v, %+v", tr, w.Agents)
	}
	old := a.Ticket
	old.Run += 5
	if _, err := s.Failed(t.Context(), old, "x", again); !errors.As(err, new(*StaleError)) {
		t.Errorf("a run that is none: %v", err)
	}
	if err := s.Working(t.Context(), a.Ticket, "it took its work", noon); err != nil {
		t.Fatal(err)
	}
	if n := s.rowsOf(t, "start_failures"); n != 0 {
		t.Errorf("%d rows while it works", n)
	}
	if _, err := s.Failed(t.Context(), a.Ticket, "no room", again); err != nil {
		t.Fatal(err)
	}
	if err := s.End(t.Context(), a.Ticket, town.Returned, "x", "ada", noon); err != nil {
		t.Fatal(err)
	}
	if n := s.rowsOf(t, "start_failures"); n != 0 {
		t.Errorf("%d rows after the end", n)
	}
}
