package operational

import (
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// mustSubmit makes a merge request.
func (s *Store) mustSubmit(t *testing.T, bead string, agent town.Address) MergeRequest {
	t.Helper()
	a := s.mustAssign(t, bead, agent)
	m := mergeRequest()
	m.Branch = agent.Branch(bead)
	if err := s.Submit(t.Context(), a.Ticket, m, noon); err != nil {
		t.Fatal(err)
	}
	m, err := s.Merge(t.Context(), bead)
	if err != nil || m.Ticket() != a.Ticket || m.State != MergeOpen {
		t.Fatalf("%+v, %v", m, err)
	}
	return m
}

func (s *Store) mustMerges(t *testing.T, decided int) []MergeRequest {
	t.Helper()
	all, spoilt, err := s.Merges(t.Context(), "web", decided)
	if err != nil || len(spoilt) > 0 {
		t.Fatal(spoilt, err)
	}
	return all
}

// A merge request's way, and that each step names the state it was planned from.
func TestAMergeRequestsWay(t *testing.T) {
	s, _ := create(t)
	a, b := s.mustSubmit(t, "web-a", nux), s.mustSubmit(t, "web-b", ace)
	move := func(from, to MergeState, want int) {
		t.Helper()
		detail := &MergeDetail{Check: "test", Log: "7-test", With: []string{"web-z"}}
		n, err := s.MoveMerges(t.Context(), []MergeMove{{Epoch: a.Epoch, From: from, To: to, Result: "why", Detail: detail, Tried: true}}, "web/refinery", noon)
		if err != nil || n != want {
			t.Errorf("from %s to %s: %d, %v", from, to, n, err)
		}
	}
	move(MergeOpen, MergeTesting, 1)
	move(MergeOpen, MergeHeld, 0)
	move(MergeTesting, MergeHeld, 1)
	all := s.mustMerges(t, 5)
	if len(all) != 2 || all[0].State != MergeHeld || all[0].Tries != 2 || all[0].Result != "why" || all[0].Detail.Log != "7-test" || all[1].Bead != b.Bead {
		t.Errorf("%+v", all)
	}
	for _, seen := range []string{"one", "two", "two"} { // at one moment, and when nothing else changes
		note := MergeMove{Epoch: a.Epoch, From: MergeHeld, To: MergeHeld, Result: "why", Detail: &MergeDetail{Seen: seen}}
		if n, err := s.MoveMerges(t.Context(), []MergeMove{note}, "web/refinery", noon.Add(time.Hour)); err != nil || n != 1 {
			t.Errorf("noted %d, %v", n, err)
		}
		if m := s.mustMerges(t, 5)[0]; m.Detail.Seen != seen || !m.Changed.Equal(noon) || m.Tries != 2 {
			t.Errorf("noted %q: %+v", seen, m)
		}
	}
	if w := s.mustWork(t); len(w.Merges) != 2 {
		t.Errorf("a held request is not open: %+v", w.Merges)
	}
	if _, err := s.MoveMerges(t.Context(), []MergeMove{{Epoch: a.Epoch, From: MergeHeld, To: MergeLanded}}, "", noon); err == nil {
		t.Error("a request landed without a verdict")
	}
	for _, bad := range []Verdict{{State: MergeOpen}, {State: MergeReturned}, {State: MergeLanded}, {State: MergeLanded, Landed: "main"}} {
		if err := s.Decide(t.Context(), a.Ticket(), bad, "", noon); err == nil {
			t.Errorf("decided: %+v", bad)
		}
	}
	files := MergeDetail{Files: []string{"a.go"}, Tip: strings.Repeat("d", 40)}
	if err := s.Decide(t.Context(), a.Ticket(), Verdict{State: MergeConflicted, Reason: "both changed a.go", Detail: files}, "web/refinery", noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Decide(t.Context(), a.Ticket(), Verdict{State: MergeFailed}, "web/refinery", noon); !errors.As(err, new(*StaleError)) {
		t.Errorf("decided twice: %v", err)
	}
	move(MergeHeld, MergeOpen, 0)
	if err := s.Decide(t.Context(), b.Ticket(), Verdict{State: MergeRejected, Reason: "no", Stuck: true}, "ada", noon); err != nil {
		t.Fatal(err)
	}
	got, err := s.Conflicts(t.Context(), []string{"web-a", "web-b"})
	if err != nil || len(got) != 1 || len(got["web-a"]) != 1 || !slices.Equal(got["web-a"][0], files.Files) {
		t.Errorf("%v, %v", got, err)
	}
	if w := s.mustWork(t); len(w.Merges) != 0 || w.Assignments[0].State != town.Returned || w.Assignments[1].State != town.Stuck {
		t.Errorf("%+v", w)
	}
	if all := s.mustMerges(t, 1); len(all) != 1 || all[0].Bead != "web-b" {
		t.Errorf("%+v", all)
	}
	if _, err := s.Merge(t.Context(), "web-nope"); !errors.Is(err, ErrNoMerge) {
		t.Error(err)
	}
	if k := s.kinds(t); !strings.HasSuffix(k, "merge.held merge.conflicted assignment.returned merge.rejected assignment.blocked") {
		t.Errorf("the feed has %s", k)
	}
}

// What the runs of a check say together.
func TestResultsOfChecks(t *testing.T) {
	s, _ := create(t)
	key := TestKey{Tree: strings.Repeat("a", 40), Command: strings.Repeat("1", 64), Environment: strings.Repeat("2", 64)}
	const p, f, b = TestPassed, TestFailed, TestBroken
	for _, c := range []struct {
		runs   []TestOutcome
		passed bool
		counts [3]int
	}{
		{[]TestOutcome{p}, true, [3]int{}},
		{[]TestOutcome{f}, false, [3]int{1, 0, 0}},
		{[]TestOutcome{f, f}, false, [3]int{2, 0, 0}},
		{[]TestOutcome{f, p}, false, [3]int{0, 0, 1}},
		{[]TestOutcome{f, p, p}, true, [3]int{0, 0, 1}},
		{[]TestOutcome{f, p, f, p}, false, [3]int{0, 0, 2}},
		{[]TestOutcome{b, b}, false, [3]int{0, 2, 0}},
		{[]TestOutcome{b, p}, true, [3]int{}},
		{[]TestOutcome{f, b}, false, [3]int{1, 1, 0}},
		{[]TestOutcome{p, f}, false, [3]int{1, 0, 0}},
	} {
		var r TestResult
		for _, end := range c.runs {
			var err error
			r, err = s.RecordTest(t.Context(), TestRun{TestKey: key, Rig: "web", Check: "test", End: end, Took: time.Second, At: noon})
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := [3]int{r.Fails, r.Broken, r.Doubts}; r.Passed != c.passed || got != c.counts {
			t.Errorf("%v: passed %v, %v", c.runs, r.Passed, got)
		}
		all, err := s.LastTests(t.Context(), "web", 9)
		if err != nil || len(all) != 1 || all[0] != r {
			t.Errorf("%v: stored %+v, %v", c.runs, all, err)
		}
		if err := s.ForgetFailures(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		if all, _ := s.LastTests(t.Context(), "web", 9); len(all) == 1 != c.passed {
			t.Errorf("%v: after forgetting failures: %+v", c.runs, all)
		}
		if _, err := s.PruneWork(t.Context(), noon.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if all, _ := s.LastTests(t.Context(), "web", 9); len(all) != 0 {
			t.Errorf("%v: after pruning: %+v", c.runs, all)
		}
	}
	key.Tree = "'; --"
	if _, err := s.RecordTest(t.Context(), TestRun{TestKey: key, Rig: "web", Check: "test"}); !errors.Is(err, town.ErrUsage) {
		t.Error(err)
	}
}

func TestARefinerysTrouble(t *testing.T) {
	s, _ := create(t)
	trouble := Trouble{Key: "red", Text: "main is red", Since: noon}
	set := func(from string, to *Trouble, want bool) {
		t.Helper()
		if counted, err := s.SetTrouble(t.Context(), "web", from, to, noon); err != nil || counted != want {
			t.Errorf("from %q: %v, %v", from, counted, err)
		}
	}
	set("red", nil, false)
	set("", &trouble, true)
	set("", &trouble, false)
	again := trouble
	again.Bead, again.Refused = "web-9", []town.Epoch{4}
	set("red", &again, true)
	for _, want := range []bool{true, false} {
		if changed, err := s.PauseRefinery(t.Context(), "web", true, "release", "ada", noon); err != nil || changed != want {
			t.Errorf("paused: %v, %v", changed, err)
		}
	}
	all, err := s.Refineries(t.Context())
	if err != nil || !all["web"].Paused || all["web"].By != "ada" || !reflect.DeepEqual(*all["web"].Trouble, again) {
		t.Errorf("%+v, %v", all, err)
	}
	set("red", nil, true)
	if _, err := s.PauseRefinery(t.Context(), "../x", true, "", "", noon); err == nil {
		t.Error("a rig of that name")
	}
	if k := s.kinds(t); k != "refinery.trouble refinery.paused refinery.mended" {
		t.Errorf("the feed has %s", k)
	}
}

// A plane with merge requests that was made before this step opens with them.
func TestMergesInAPlaneOfTheFormerVersion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "operational")
	db, err := doltdb.CreateStore(t.Context(), options(dir), uuid, migrations[:5])
	if err != nil {
		t.Fatal(err)
	}
	former := &Store{db: db}
	a := former.mustAssign(t, "web-a", nux)
	m := mergeRequest()
	err = db.Write(t.Context(), func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO merge_requests (epoch, bead, rig, agent, branch, head, base, target, state, priority, tries, result, landed, at, changed)"+
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open', 1, 0, '', '', ?, ?)", int64(a.Epoch), a.Bead, a.Agent.Rig, a.Agent.String(), m.Branch, m.Head, m.Base, m.Target, stamp(noon), stamp(noon))
		if err == nil {
			_, err = tx.Exec(t.Context(), "UPDATE assignments SET state = 'submitted', open_agent = NULL WHERE epoch = ?", int64(a.Epoch))
		}
		return err
	})
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
	if all := s.mustMerges(t, 9); len(all) != 1 || all[0].Ticket() != a.Ticket {
		t.Errorf("%+v", all)
	}
}
