package refinery

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/rig"
)

func (w *world) mustPass(t testing.TB, batch, parallel int) Done {
	t.Helper()
	done, err := w.refinery(batch, parallel).Pass(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(w.blamed) > 0 {
		t.Fatal(w.blamed)
	}
	return done
}

func (w *world) states() (all []string) {
	for _, e := range w.epochs {
		all = append(all, string(w.requests[e].State))
	}
	return all
}

// What passes together lands with one run.
func TestABatch(t *testing.T) {
	w := newWorld()
	for i := range 8 {
		w.submit(10+i, 2)
	}
	w.mustPass(t, 8, 1)
	if w.runs != 1 || len(w.tip) != 9 || len(w.pushes) != 1 {
		t.Errorf("%d runs, %v", w.runs, w.tip)
	}
}

// bound is how many runs a batch of n with b bad changes may take with one test at a
// time: one for each batch that is left, the halving, one that makes sure and one of the
// target for each bad one.
func bound(n, b int) int { return 1 + b*(bits.Len(uint(max(n-1, 0)))+3) }

// One bad change among many is found within the bound, wherever it is.
func TestBisection(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 8, 16} {
		for bad := range n {
			for _, parallel := range []int{1, 3} {
				w := newWorld()
				for i := range n {
					w.submit(10+i, 2)
				}
				w.breaks = [][]int{{10 + bad}}
				w.mustPass(t, n, parallel)
				if most := bound(n, 1); parallel == 1 && w.runs > most {
					t.Errorf("%d of %d: %d runs, more than %d", bad, n, w.runs, most)
				}
				for i, s := range w.states() {
					if want := map[bool]string{true: "failed", false: "landed"}[i == bad]; s != want {
						t.Errorf("%d of %d: %d is %s", bad, n, i, s)
					}
				}
			}
		}
	}
}

// Two changes that pass alone and fail together: the first lands, the second does not.
func TestAHiddenConflict(t *testing.T) {
	w := newWorld()
	for i := range 6 {
		w.submit(10+i, 2)
	}
	w.breaks = [][]int{{11, 14}}
	w.mustPass(t, 6, 1)
	if got := w.states(); !slices.Equal(got, []string{"landed", "landed", "landed", "landed", "failed", "landed"}) {
		t.Error(got)
	}
}

// A target that is red: nothing lands, nobody is blamed, a person is told once; a change
// that is handed in afterwards and mends it lands.
func TestARedTarget(t *testing.T) {
	w := newWorld()
	w.breaks = [][]int{{1}}
	w.submit(10, 2)
	for range 4 {
		w.mustPass(t, 8, 1)
		w.now = w.now.Add(time.Hour)
	}
	if w.told != 1 || w.states()[0] != "open" || w.state.Trouble == nil {
		t.Errorf("told %d times, %v, %+v", w.told, w.states(), w.state.Trouble)
	}
	runs := w.runs
	w.mustPass(t, 8, 1)
	if w.runs > runs+1 {
		t.Errorf("%d runs for a target that did not move", w.runs-runs)
	}
	w.mends[77] = 1
	w.submit(77, 3)
	w.mustPass(t, 8, 1)
	if got := w.states(); !slices.Equal(got, []string{"landed", "landed"}) || w.state.Trouble != nil {
		t.Errorf("%v, %+v", got, w.state.Trouble)
	}
}

// A check that cannot be run: nothing lands, nobody is blamed, a person is told once.
// When it can be run again, everything goes on.
func TestAnUnrunnableCheck(t *testing.T) {
	w := newWorld()
	w.down = true
	w.submit(10, 2)
	w.submit(11, 2)
	for range 3 {
		w.mustPass(t, 8, 1)
		w.now = w.now.Add(time.Hour)
	}
	if w.told != 1 || !slices.Equal(w.states(), []string{"open", "open"}) || w.runs > 8 {
		t.Errorf("told %d times, %d runs, %v", w.told, w.runs, w.states())
	}
	w.down = false
	w.mustPass(t, 8, 1)
	if !slices.Equal(w.states(), []string{"landed", "landed"}) || w.state.Trouble != nil {
		t.Errorf("%v, %+v", w.states(), w.state.Trouble)
	}
}

// One change with which the check cannot be run waits for a person; the others land.
func TestARequestThatCannotBeTested(t *testing.T) {
	w := newWorld()
	for i := range 5 {
		w.submit(10+i, 2)
	}
	w.hangs[12] = true
	w.mustPass(t, 8, 1)
	if got := w.states(); !slices.Equal(got, []string{"landed", "landed", "held", "landed", "landed"}) || w.told != 1 {
		t.Errorf("%v, told %d times", got, w.told)
	}
}

// Where the host merges nothing is pushed: what passes is offered, and landed when it is
// seen on the target. What comes later is tested on what is offered. One that does not
// pass there and passes alone waits, and nobody waits for it.
func TestOffers(t *testing.T) {
	w := newWorld()
	pass := func() {
		t.Helper()
		f := w.refinery(4, 1)
		f.Rig.Merge = rig.MergePR
		if _, err := f.Pass(t.Context()); err != nil || len(w.blamed) > 0 {
			t.Fatal(w.blamed, err)
		}
	}
	for i := range 3 {
		w.submit(10+i, 2)
	}
	pass()
	w.submit(20, 2)
	w.submit(21, 2)
	for i := range 5 {
		w.submit(30+i, 2) // more than a batch
	}
	w.breaks = [][]int{{21}, {10, 30}}
	pass()
	pass()
	if got := w.states(); !slices.Equal(got, []string{"offered", "offered", "offered", "offered", "failed", "open", "offered", "offered", "offered", "offered"}) || len(w.pushes) > 0 {
		t.Errorf("%v, %v", got, w.pushes)
	}
	w.tip = append(w.tip, 11, 77, 10) // in another order, and with another's
	pass()
	if got := w.states(); !slices.Equal(got, []string{"landed", "landed", "offered", "offered", "failed", "failed", "offered", "offered", "offered", "offered"}) {
		t.Error(got)
	}
	w.tip = append(w.tip, 12, 20, 31, 32, 33, 34)
	pass()
	if got := w.states(); slices.Contains(got, "offered") || len(w.pushes) > 0 {
		t.Error(got)
	}
}

// A request whose commit is nowhere waits for a person, who is told once; one that git
// cannot merge waits for the next pass. Others go on. What conflicts is landed when the
// target had it before.
func TestUnusualHeads(t *testing.T) {
	w := newWorld()
	for i := range 4 {
		w.submit(10+i, 2)
	}
	w.lost["c10"], w.unmergeable["c11"] = true, true
	w.conflicts[[2]int{1, 12}], w.applied["c12"] = true, "c1"
	w.tip = append(w.tip, 12) // so the world agrees that it is there
	w.outage = true           // so it agrees that one is held
	f := w.refinery(8, 1)
	f.Clone = notSeen{w}
	for range 2 {
		if _, err := f.Pass(t.Context()); err == nil || len(w.blamed) > 0 {
			t.Fatal(err, w.blamed)
		}
	}
	if got := w.states(); !slices.Equal(got, []string{"held", "open", "landed", "landed"}) || w.told != 1 {
		t.Errorf("%v, told %d times", got, w.told)
	}
	if got := w.requests[3].Landed; got != "c1" {
		t.Errorf("it landed as %s", got)
	}
}

// notSeen is a repository in which c12 is no ancestor of the target.
type notSeen struct{ *world }

func (w notSeen) Landed(ctx context.Context, tip string, heads []string) (map[string]string, error) {
	landed, err := w.world.Landed(ctx, tip, heads)
	delete(landed, "c12")
	return landed, err
}

// A protected branch is told once. It is tried again later, and then everything lands.
func TestAProtectedTarget(t *testing.T) {
	w := newWorld()
	w.guarded = true
	w.submit(10, 2)
	for range 4 {
		if _, err := w.refinery(4, 1).Pass(t.Context()); err != nil && !errors.Is(err, town.ErrRefused) {
			t.Fatal(err)
		}
		w.now = w.now.Add(10 * time.Minute)
	}
	if w.told != 1 || w.runs != 1 || w.state.Trouble == nil {
		t.Errorf("told %d times, %d runs, %+v", w.told, w.runs, w.state.Trouble)
	}
	w.guarded = false
	w.now = w.now.Add(time.Hour)
	w.mustPass(t, 4, 1)
	if w.states()[0] != "landed" || w.state.Trouble != nil {
		t.Errorf("%v, %+v", w.states(), w.state.Trouble)
	}
}

// A pass that is cut off at any step, and the next one, come to the same end as one that
// is not.
func TestCutOffAnywhere(t *testing.T) {
	for step := 1; ; step++ {
		w := newWorld()
		for i := range 5 {
			w.submit(10+i, 2)
		}
		w.breaks, w.hangs[13] = [][]int{{11}}, true
		w.conflicts[[2]int{10, 14}] = true
		left := step
		f := w.refinery(4, 1)
		cut := func() error {
			if left--; left <= 0 {
				return errCut
			}
			return nil
		}
		rows, beads, check := f.Rows, f.Beads, f.Check
		// Before or after a change: both ways of ending in the middle of it.
		f.Rows = func(ctx context.Context, fn func(Store) error) error { return errors.Join(cut(), rows(ctx, fn)) }
		if step%2 == 0 {
			f.Rows = func(ctx context.Context, fn func(Store) error) error {
				if err := cut(); err != nil {
					return err
				}
				return rows(ctx, fn)
			}
		}
		f.Beads = func(ctx context.Context, fn func(Ledger) error) error { return errors.Join(cut(), beads(ctx, fn)) }
		f.Check = func(ctx context.Context, c rig.Check, commit string, slot int) (Ran, error) {
			if err := cut(); err != nil {
				return Ran{}, err
			}
			return check(ctx, c, commit, slot)
		}
		_, err := f.Pass(t.Context())
		if err != nil && !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		w.mustPass(t, 4, 1)
		if got := w.states(); !slices.Equal(got, []string{"landed", "failed", "landed", "held", "conflicted"}) {
			t.Errorf("cut off at step %d: %v", step, got)
		}
		if err == nil {
			if step < 10 {
				t.Errorf("only %d steps", step)
			}
			return
		}
	}
}

// A check that fails first and passes then with the same tree decides nothing: with a
// request the request is held, with the target the rig waits.
func TestADoubtfulCheck(t *testing.T) {
	w := newWorld()
	w.submit(10, 2)
	runs := map[string]int{}
	w.flaky = func(tree string) bool { runs[tree]++; return runs[tree]%2 == 1 }
	w.mustPass(t, 8, 1)
	if got := w.states(); got[0] != "open" || w.told != 1 || w.state.Trouble == nil {
		t.Errorf("%v, told %d times", got, w.told)
	}
}

// Order: priority, then age; what waits for another bead comes after it, and what waits
// for one that is not there does not come at all.
func TestOrder(t *testing.T) {
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	m := func(e town.Epoch, priority, minutes int) operational.MergeRequest {
		return operational.MergeRequest{Epoch: e, Bead: fmt.Sprintf("web-%d", e), Priority: priority, At: noon.Add(time.Duration(minutes) * time.Minute), Target: "main", State: operational.MergeOpen}
	}
	for _, c := range []struct {
		what  string
		needs map[string][]string
		ahead map[town.Epoch]bool
		want  []string
	}{
		{"priority and age", nil, nil, []string{"web-2", "web-4", "web-1", "web-3"}},
		{"needs", map[string][]string{"web-2": {"web-3"}}, nil, []string{"web-3", "web-2", "web-4", "web-1"}},
		{"a need that is not there", map[string][]string{"web-1": {"web-9"}, "web-2": {"web-1"}}, nil, []string{"web-4", "web-3"}},
		{"a circle", map[string][]string{"web-1": {"web-2"}, "web-2": {"web-1"}}, nil, []string{"web-4", "web-3"}},
		{"twice in conflict", nil, map[town.Epoch]bool{3: true}, []string{"web-3", "web-2", "web-4", "web-1"}},
	} {
		s := Snapshot{Now: noon.Add(30 * time.Minute), Target: "main", Needs: c.needs, Ahead: c.ahead,
			Requests: []operational.MergeRequest{m(1, 2, 0), m(2, 1, 1), m(3, 2, 2), m(4, 1, 3)}}
		if got := beads(s.Queue()); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", c.what, got)
		}
	}
	s := Snapshot{Now: noon.Add(4 * time.Hour), Target: "main", Requests: []operational.MergeRequest{m(1, 4, 0), m(2, 0, 239)}}
	if got := beads(s.Queue()); got[0] != "web-1" {
		t.Errorf("after four hours the least urgent is first: %v", got)
	}
}

func TestRepeatedConflicts(t *testing.T) {
	m := []operational.MergeRequest{{Epoch: 7, Bead: "web-a"}, {Epoch: 8, Bead: "web-b"}}
	got := repeated(m, map[string][][]string{"web-a": {{"x", "y"}, {"y"}}, "web-b": {{"x"}, {"y"}}})
	if !got[7] || got[8] {
		t.Error(got)
	}
}
