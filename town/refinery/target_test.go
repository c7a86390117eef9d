package refinery

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town"
)

// retry lets a request go on as gt refinery retry does.
func (w *world) retry(t testing.TB, e town.Epoch) {
	t.Helper()
	if n, err := w.MoveMerges(t.Context(), []operational.MergeMove{Retry(*w.requests[e], "main")}, "ada", w.now); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

func (w *world) wantStates(t testing.TB, want string) {
	t.Helper()
	if got := strings.Join(w.states(), " "); got != want {
		t.Errorf("the requests are %s, want %s", got, want)
	}
}

// The target is pushed backwards. Requests that would bring back what was removed wait for
// a person, who is told once; the others land. A person lets one go on, and then the
// target has what it carries, so the others that carry it go on by themselves.
func TestARewoundTarget(t *testing.T) {
	w := newWorld()
	w.submit(10, 2)
	w.submit(11, 2)
	w.mustPass(t, 8, 1)
	if !slices.Equal(w.tip, []int{1, 10, 11}) {
		t.Fatal(w.tip)
	}
	w.tip = []int{1, 5} // beside what it was
	carries, other := w.submit(20, 1), w.submit(21, 1)
	w.submit(22, 2)
	w.base["c20"], w.base["c21"] = []int{10}, []int{10, 11}
	for range 3 {
		w.mustPass(t, 8, 1)
		w.now = w.now.Add(time.Hour)
	}
	w.wantStates(t, "landed landed held held landed")
	if r := w.state.Target.Removed; w.told != 2 || len(w.keys) != 1 || len(r) != 1 || r[0].From != "c1_10_11" || w.state.Trouble != nil {
		t.Errorf("told %d times of %v, %+v", w.told, w.keys, r)
	}
	if why := w.requests[carries].Detail; why.Cause != operational.HeldRewound || !slices.Equal(why.Removed, []string{"c1_10_11"}) {
		t.Errorf("%+v", why)
	}
	w.retry(t, other)
	w.mustPass(t, 8, 1)
	w.wantStates(t, "landed landed landed landed landed")
	if len(w.keys) != 0 || len(w.state.Target.Removed) != 0 {
		t.Errorf("people are still told of %v; removed: %+v", w.keys, w.state.Target.Removed)
	}
}

// What a person allowed is allowed for what was removed then, not for what is removed
// later.
func TestRewoundTwice(t *testing.T) {
	w := newWorld()
	w.tip = []int{1, 2, 3}
	e := w.submit(20, 2)
	w.base["c20"] = []int{2, 3}
	w.secrets[20] = true // so it stays
	w.mustPassRefused(t)
	w.tip = []int{1, 2}
	w.mustPassRefused(t)
	w.wantStates(t, "held")
	w.retry(t, e)
	w.now = w.now.Add(time.Hour)
	w.mustPassRefused(t)
	w.wantStates(t, "open")
	w.tip = []int{1}
	w.now = w.now.Add(time.Hour)
	w.mustPassRefused(t)
	w.wantStates(t, "held")
	if d := w.requests[e].Detail; !slices.Equal(d.Removed, []string{"c1_2"}) || !slices.Equal(d.Allowed, []string{"c1_2_3"}) {
		t.Errorf("%+v", d)
	}
	w.tip = []int{1, 2, 3} // it is restored
	w.secrets[20] = false
	w.now = w.now.Add(time.Hour)
	w.mustPass(t, 8, 1)
	w.wantStates(t, "landed")
}

// The rig's target is another branch by now, or is not there at all: nothing lands, nobody
// is blamed, and everything goes on when it is back.
func TestATargetThatGoes(t *testing.T) {
	w := newWorld()
	w.submit(10, 2)
	w.gone = true
	for range 3 {
		w.mustPass(t, 8, 1)
		w.now = w.now.Add(time.Hour)
	}
	if w.wantStates(t, "open"); w.told != 1 || w.state.Trouble == nil || w.runs != 0 {
		t.Errorf("told %d times, %+v, %d runs", w.told, w.state.Trouble, w.runs)
	}
	w.gone = false
	e := w.submit(11, 2)
	w.requests[e].Target = "old"
	w.mustPass(t, 8, 1)
	if w.wantStates(t, "landed held"); w.state.Trouble != nil || len(w.keys) != 1 {
		t.Errorf("%+v, %v", w.state.Trouble, w.keys)
	}
	w.retry(t, e)
	w.mustPass(t, 8, 1)
	w.wantStates(t, "landed landed")
	// The setting is taken back.
	e = w.submit(12, 2)
	w.requests[e].Target = "old"
	w.mustPass(t, 8, 1)
	w.requests[e].Target = "main"
	w.mustPass(t, 8, 1)
	if w.wantStates(t, "landed landed landed"); len(w.keys) != 1 {
		t.Errorf("people are still told of %v", w.keys) // the first was told by nobody's command
	}
}
