package operational

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

func commit(digit string) string { return strings.Repeat(digit, 40) }

// Where a target was seen, and that a caller who knows less changes nothing.
func TestASeenTarget(t *testing.T) {
	s, _ := create(t)
	see := func(from, to SeenTarget, want bool) {
		t.Helper()
		if counted, err := s.SeeTarget(t.Context(), "web", from, to, noon); err != nil || counted != want {
			t.Errorf("from %+v: %v, %v", from, counted, err)
		}
	}
	one, two := SeenTarget{Branch: "main", Tip: commit("1")}, SeenTarget{Branch: "main", Tip: commit("2")}
	back := SeenTarget{Branch: "main", Tip: commit("1"), Removed: []Removed{{From: commit("2"), To: commit("1"), At: noon, Some: []string{"2222 work"}}}}
	see(two, one, false)
	see(SeenTarget{}, one, true)
	see(one, two, true)
	see(one, back, false)
	see(two, back, true)
	if _, err := s.PauseRefinery(t.Context(), "api", true, "release", "ada", noon); err != nil {
		t.Fatal(err)
	}
	all, err := s.Refineries(t.Context())
	if err != nil || len(all) != 2 || !reflect.DeepEqual(all["web"], Refinery{Rig: "web", Target: back}) || !all["api"].Paused {
		t.Errorf("%+v, %v", all, err)
	}
	if k := s.kinds(t); k != "refinery.rewound refinery.paused" {
		t.Errorf("the feed has %s", k)
	}
	many := back
	for range 2 * maxRemoved {
		many.Removed = append(many.Removed, Removed{From: commit("3"), Some: []string{strings.Repeat("ä", 500)}})
	}
	see(back, many, true)
	all, err = s.Refineries(t.Context())
	if got := all["web"].Target.Removed; err != nil || len(got) != maxRemoved || len(got[0].Some[0]) > maxSomeText+len("...") {
		t.Errorf("%d are remembered, %v", len(got), err)
	}
	for _, bad := range []SeenTarget{{}, {Branch: "main", Tip: "main"}, {Branch: "-x", Tip: commit("1")}} {
		if _, err := s.SeeTarget(t.Context(), "web", many, bad, noon); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// Runs of whose end nothing was heard are counted until one ends.
func TestInterruptedChecks(t *testing.T) {
	s, _ := create(t)
	run := TestRun{TestKey: TestKey{Tree: commit("a"), Command: commit("b"), Environment: commit("c")}, Rig: "web", Check: "test", End: TestFailed, At: noon}
	want := func(fails, interrupted int) {
		t.Helper()
		all, err := s.LastTests(t.Context(), "web", 9)
		if err != nil || len(all) != 1 || all[0].Fails != fails || all[0].Interrupted != interrupted || all[0].Check != "test" {
			t.Errorf("%+v, %v; want %d fails and %d interrupted", all, err, fails, interrupted)
		}
	}
	begin := func() {
		t.Helper()
		run.At = run.At.Add(time.Minute)
		if err := s.BeginTest(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	begin()
	want(0, 2)
	if err := s.ForgetBegun(t.Context(), run.TestKey); err != nil {
		t.Fatal(err)
	}
	want(0, 1)
	if _, err := s.RecordTest(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	want(1, 0)
	begin()
	want(1, 1)
	if err := s.ForgetFailures(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if all, err := s.LastTests(t.Context(), "web", 9); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	begin()
	if err := s.ForgetBegun(t.Context(), run.TestKey); err != nil {
		t.Fatal(err)
	}
	if all, err := s.LastTests(t.Context(), "web", 9); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// A request that is held for a former target goes on with the new one.
func TestARequestGetsAnotherTarget(t *testing.T) {
	s, _ := create(t)
	a := s.mustSubmit(t, "web-a", nux)
	move := MergeMove{Epoch: a.Epoch, From: MergeOpen, To: MergeHeld, Detail: &MergeDetail{Cause: HeldTarget}}
	if n, err := s.MoveMerges(t.Context(), []MergeMove{move}, "web/refinery", noon); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	move = MergeMove{Epoch: a.Epoch, From: MergeHeld, To: MergeOpen, Target: "trunk"}
	if n, err := s.MoveMerges(t.Context(), []MergeMove{move}, "ada", noon); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if m := s.mustMerges(t, 1)[0]; m.Target != "trunk" || m.State != MergeOpen || m.Detail.Cause != HeldTarget {
		t.Errorf("%+v", m)
	}
	move.From, move.To, move.Target = MergeOpen, MergeOpen, "../x y"
	if _, err := s.MoveMerges(t.Context(), []MergeMove{move}, "ada", noon); !errors.Is(err, town.ErrUsage) {
		t.Error(err)
	}
}

// A plane with a refinery that was made before this step opens with it.
func TestARefineryOfTheFormerVersion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "operational")
	db, err := doltdb.CreateStore(t.Context(), options(dir), uuid, migrations[:10])
	if err != nil {
		t.Fatal(err)
	}
	former := &Store{db: db}
	if _, err := former.PauseRefinery(t.Context(), "web", true, "release", "ada", noon); err != nil {
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
	if all, err := s.Refineries(t.Context()); err != nil || !all["web"].Paused || all["web"].Target.Tip != "" {
		t.Errorf("%+v, %v", all, err)
	}
}
