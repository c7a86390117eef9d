package refinery

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town"
)

// mustPassRefused is a pass that may end with the host's refusal.
func (w *world) mustPassRefused(t testing.TB) {
	t.Helper()
	if _, err := w.refinery(16, 1).Pass(t.Context()); err != nil && !errors.Is(err, town.ErrRefused) {
		t.Fatal(err)
	}
	if len(w.blamed) > 0 {
		t.Fatal(w.blamed)
	}
}

// pushBound is how many pushes a batch of n with so many refused changes may take: for each
// the whole, the halving, and four that make sure whose fault it is.
func pushBound(n, refused int) int { return 1 + refused*(bits.Len(uint(n))+5) }

// The host refuses some changes of a batch. Those are held, the rest lands, within the
// bound of pushes.
func TestARefusedChange(t *testing.T) {
	for _, n := range []int{2, 3, 5, 8, 16} {
		for first := range n {
			for _, second := range []int{first, (first + 1) % n, n - 1} {
				w := newWorld()
				for i := range n {
					w.submit(10+i, 2)
				}
				w.secrets[10+first], w.secrets[10+second] = true, true
				name := fmt.Sprintf("%d and %d of %d", first, second, n)
				w.mustPassRefused(t)
				if len(w.secrets) == n {
					continue // the host takes nothing
				}
				if most := pushBound(n, len(w.secrets)); w.tried > most {
					t.Errorf("%s: %d pushes, more than %d", name, w.tried, most)
				}
				alone := 0 // of whom it is not known whether the host takes others, because there are none
				for i, s := range w.states() {
					switch {
					case !w.secrets[10+i] && s != "landed", w.secrets[10+i] && s == "landed":
						t.Errorf("%s: %d is %s", name, i, s)
					case s == "open":
						alone++
					}
				}
				if alone > 1 || alone == 1 && w.state.Trouble == nil || alone == 0 && w.state.Trouble != nil {
					t.Errorf("%s: %v, %+v", name, w.states(), w.state.Trouble)
				}
				// One more tells that.
				w.submit(90, 2)
				w.mustPassRefused(t)
				for i, s := range w.states() {
					if want := map[bool]string{true: "held", false: "landed"}[w.secrets[10+i] && i < n]; s != want {
						t.Errorf("%s, later: %d is %s", name, i, s)
					}
				}
				if w.state.Trouble != nil || w.told > len(w.secrets)+1 {
					t.Errorf("%s, later: %+v, told %d times", name, w.state.Trouble, w.told)
				}
			}
		}
	}
}

// A host that refuses everything: nobody is held, a person is told once, and it gets few
// pushes however long that lasts.
func TestAHostThatTakesNothing(t *testing.T) {
	w := newWorld()
	for i := range 16 {
		w.submit(10+i, 2)
	}
	w.guarded = true
	w.mustPassRefused(t)
	if most := bits.Len(16) + maxSuspects; w.tried > most || w.told != 1 {
		t.Errorf("%d pushes, more than %d; told %d times", w.tried, most, w.told)
	}
	for range 40 {
		before := w.tried
		w.now = w.now.Add(10 * time.Minute)
		w.mustPassRefused(t)
		if w.tried > before+1 {
			t.Errorf("%d pushes at one look", w.tried-before)
		}
	}
	if strings.Contains(strings.Join(w.states(), " "), "held") || w.told != 1 {
		t.Errorf("%v, told %d times", w.states(), w.told)
	}
	w.guarded = false
	w.now = w.now.Add(20 * time.Minute)
	w.mustPassRefused(t)
	if got := strings.Join(w.states(), " "); strings.Contains(got, "open") || w.state.Trouble != nil || len(w.keys) != 0 {
		t.Errorf("%s, %+v, %v", got, w.state.Trouble, w.keys)
	}
}

// More refused changes at the head of the queue than it takes to think that the host takes
// nothing: each that it takes later tells one of them apart, and the good ones land. A
// person who rejects them need not wait for that.
func TestManyRefusedChanges(t *testing.T) {
	for _, reject := range []bool{false, true} {
		w := newWorld()
		for i := range 8 {
			w.submit(10+i, 2)
			w.secrets[10+i] = i < 5
		}
		w.mustPassRefused(t)
		if w.state.Trouble == nil || len(w.state.Trouble.Refused) != maxSuspects || len(w.tip) > 1 {
			t.Fatalf("%+v, %v", w.state.Trouble, w.tip)
		}
		if reject {
			for i := range 5 {
				w.requests[town.Epoch(i+1)].State = operational.MergeRejected
			}
			w.mustPassRefused(t)
			w.wantStates(t, "rejected rejected rejected rejected rejected landed landed landed")
			continue
		}
		for range 8 {
			w.now = w.now.Add(20 * time.Minute)
			w.mustPassRefused(t)
		}
		w.submit(20, 2) // the first two that the host takes told of one each
		w.submit(21, 2)
		w.mustPassRefused(t)
		w.wantStates(t, "held held held held held landed landed landed landed landed")
	}
}

// A held request that a person retries, and the host refuses still, is held again without
// stopping the rig.
func TestARefusedChangeIsRetried(t *testing.T) {
	w := newWorld()
	e := w.submit(10, 2)
	w.submit(11, 2)
	w.secrets[10] = true
	w.mustPassRefused(t)
	w.wantStates(t, "held landed")
	w.retry(t, e)
	w.mustPassRefused(t)
	if w.wantStates(t, "held landed"); w.state.Trouble != nil {
		t.Errorf("%+v", w.state.Trouble)
	}
	w.secrets[10] = false
	w.retry(t, e)
	w.mustPassRefused(t)
	w.wantStates(t, "landed landed")
}
