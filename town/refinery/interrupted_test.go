package refinery

import (
	"context"
	"math/bits"
	"testing"
)

// killed runs passes, and begins another one each time whoever runs one is killed. It
// returns how often that happened.
func (w *world) killed(t testing.TB, most int) (times int) {
	t.Helper()
	for {
		_, err := w.refinery(8, 1).Pass(t.Context())
		if !w.dead {
			if err != nil || len(w.blamed) > 0 {
				t.Fatal(err, w.blamed)
			}
			return times
		}
		w.dead = false
		if times++; times > most {
			t.Fatalf("killed more than %d times", most)
		}
	}
}

// A check that kills whoever runs it does not do so for ever: the request with which it does
// is found by halves and held. The others land.
func TestAChangeThatKillsTheRefinery(t *testing.T) {
	w := newWorld()
	for i := range 8 {
		w.submit(10+i, 2)
	}
	w.cutOff[13] = true
	// Each place of the halving, the row of all, and the request alone.
	w.killed(t, maxInterrupted*(bits.Len(8)+2))
	if w.wantStates(t, "landed landed landed held landed landed landed landed"); w.told != 1 || w.state.Trouble != nil {
		t.Errorf("told %d times, %+v", w.told, w.state.Trouble)
	}
}

// A check that kills whoever runs it on the target, too: nobody is blamed, and a person is
// told once.
func TestACheckThatKillsTheRefinery(t *testing.T) {
	w := newWorld()
	w.submit(10, 2)
	w.cutOff[1] = true
	w.killed(t, 2*maxInterrupted)
	if w.wantStates(t, "open"); w.told != 1 || w.state.Trouble == nil || w.state.Trouble.Key != "broken test" {
		t.Errorf("told %d times, %+v", w.told, w.state.Trouble)
	}
}

// Whoever runs a check is killed many times, or stopped any number of times, and that has
// nothing to do with the check: it counts for nothing.
func TestInterruptionsAreNobodysFault(t *testing.T) {
	w := newWorld()
	w.submit(10, 2)
	w.submit(11, 2)
	left := maxInterrupted - 1
	w.interfere = func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.cutOff[10] = left > 0
		left--
	}
	w.killed(t, maxInterrupted)
	if w.wantStates(t, "landed landed"); w.told != 0 || len(w.begun) != 0 {
		t.Errorf("told %d times, %v", w.told, w.begun)
	}
	w.submit(12, 2)
	for range 3 * maxInterrupted {
		ctx, cancel := context.WithCancel(t.Context())
		w.interfere = cancel // as a Deacon that stops
		if _, err := w.refinery(8, 1).Pass(ctx); err == nil {
			t.Fatal("it was not stopped")
		}
		cancel()
	}
	w.interfere = func() {}
	w.mustPass(t, 8, 1)
	if w.wantStates(t, "landed landed landed"); w.told != 0 || w.state.Trouble != nil {
		t.Errorf("told %d times, %+v", w.told, w.state.Trouble)
	}
}
