package refinery

import (
	"context"
	"errors"
	"math/bits"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/planes/operational"
	"gastown/town"
)

// history draws a world with hidden conflicts, changes that break the checks alone or
// together, and changes with which they cannot be run.
func history(t *rapid.T, n int) *world {
	w := newWorld()
	for i := range n {
		w.submit(10+i, rapid.IntRange(0, 4).Draw(t, "priority"))
	}
	atom := func() int { return 10 + rapid.IntRange(0, n-1).Draw(t, "atom") }
	for range rapid.IntRange(0, n/2).Draw(t, "conflicts") {
		if a, b := atom(), atom(); a != b {
			w.conflicts[[2]int{a, b}] = true
		}
	}
	for range rapid.IntRange(0, n/3).Draw(t, "breaks") {
		set := []int{atom()}
		if rapid.Bool().Draw(t, "pair") {
			set = append(set, atom())
		}
		w.breaks = append(w.breaks, set)
	}
	for range rapid.IntRange(0, 2).Draw(t, "needs") {
		// The later waits for the earlier, so there is no circle.
		a, b := w.requests[w.epochs[rapid.IntRange(0, n-1).Draw(t, "a")]], w.requests[w.epochs[rapid.IntRange(0, n-1).Draw(t, "b")]]
		if a.Epoch < b.Epoch {
			w.needs[b.Bead] = append(w.needs[b.Bead], a.Bead)
		}
	}
	return w
}

// settled reports what is wrong with the end of a history: everything that passes and
// fits is on the target, and what is left out has its reason.
func (w *world) settled(t *rapid.T) {
	if len(w.blamed) > 0 {
		t.Fatal(w.blamed)
	}
	for _, e := range w.epochs {
		r := w.requests[e]
		switch r.State {
		case operational.MergeLanded:
			for _, need := range w.needs[r.Bead] {
				for _, other := range w.requests {
					if other.Bead == need && (other.State != operational.MergeLanded || slices.Index(w.tip, atoms(other.Head)[0]) > slices.Index(w.tip, atoms(r.Head)[0])) {
						t.Errorf("%s landed before %s", r.Bead, need)
					}
				}
			}
		case operational.MergeConflicted, operational.MergeFailed, operational.MergeHeld:
		default:
			// Nobody starves: only what waits for a bead that did not land is left.
			waits := slices.ContainsFunc(w.needs[r.Bead], func(need string) bool {
				return slices.ContainsFunc(w.epochs, func(o town.Epoch) bool {
					return w.requests[o].Bead == need && w.requests[o].State != operational.MergeLanded
				})
			})
			if !waits {
				t.Errorf("%s is %s at the end", r.Bead, r.State)
			}
		}
	}
	if !w.passes(w.tip) {
		t.Errorf("the target does not pass: %v", w.tip)
	}
}

// Random queues without disturbances: what lands is exactly what passes together, in
// the order of the queue, and the number of runs is within the bound of bisection.
func TestRandomQueues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "n")
		w := history(t, n)
		batch, parallel := rapid.IntRange(1, 8).Draw(t, "batch"), rapid.IntRange(1, 4).Draw(t, "parallel")
		order := beads(Snapshot{Now: w.now, Target: "main", Requests: must(w.Merges(t.Context(), "", 0)), Needs: must2(beadsOf{w}.Needs(t.Context(), nil))}.Queue())
		done, err := w.refinery(batch, parallel).Pass(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.settled(t)
		failed := 0
		for _, r := range w.requests {
			if r.State == operational.MergeFailed {
				failed++
			}
		}
		// One run for each batch, and for each bad request the halving, one that makes sure,
		// one of the target and one of those that are left.
		rounds := (n+batch-1)/batch + failed*(bits.Len(uint(min(n, batch*parallel)-1))+3)
		if len(w.conflicts)+len(w.needs) > 0 {
			// What conflicts only with others, or waits for them, is put off, and every push
			// begins another row: so each decision may cost one run more.
			rounds += n
		}
		if w.runs > rounds*parallel {
			t.Errorf("%d runs of %d requests with %d bad ones, batch %d, parallel %d: more than %d", w.runs, n, failed, batch, parallel, rounds*parallel)
		}
		if done.Runs != w.runs {
			t.Errorf("%d runs, %d told", w.runs, done.Runs)
		}
		// The order of what landed is that of the queue, apart from what was put off.
		if len(w.conflicts)+len(w.needs) == 0 {
			var landed []string
			for _, a := range w.tip[1:] {
				landed = append(landed, w.requests[town.Epoch(a-9)].Bead)
			}
			want := slices.DeleteFunc(order, func(b string) bool { return !slices.Contains(landed, b) })
			if !slices.Equal(landed, want) {
				t.Errorf("landed %v, the queue was %v", landed, want)
			}
		}
	})
}

// No request starves. However many more urgent ones come while the checks run, one of
// priority n lands before all that are handed in n hours after it or later, apart from the
// batch that is under way.
func TestNobodyStarves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		batch := rapid.IntRange(1, 6).Draw(t, "batch")
		priority := rapid.IntRange(1, 4).Draw(t, "priority")
		victim := w.submit(10, priority)
		handed := w.now
		atom := 11
		w.interfere = func() {
			// As many as can land come meanwhile, each run takes ten minutes.
			w.now = w.now.Add(10 * time.Minute)
			if len(w.epochs) < 200 {
				for range batch {
					w.submit(atom, 0)
					atom++
				}
			}
		}
		w.interfere()
		f := w.refinery(batch, 1)
		f.Size = rapid.IntRange(batch, 3*batch).Draw(t, "size")
		for range 40 { // a pass ends after so many steps, also when more come meanwhile
			if w.requests[victim].State == operational.MergeLanded {
				break
			}
			if _, err := f.Pass(t.Context()); err != nil && w.requests[victim].State != operational.MergeLanded {
				continue
			}
		}
		if w.requests[victim].State != operational.MergeLanded {
			t.Fatalf("it is %s after %s", w.requests[victim].State, w.now.Sub(handed))
		}
		late := 0
		for _, a := range w.tip[1:slices.Index(w.tip, 10)] {
			if !w.requests[town.Epoch(a-9)].At.Before(handed.Add(time.Duration(priority) * time.Hour)) {
				late++
			}
		}
		if late > batch {
			t.Errorf("%d that came %d hours later landed before it", late, priority)
		}
	})
}

// Random histories with everything that may happen: checks that fail now and then,
// that cannot be run for a while, pushes by hand in the middle of a test, forced ones that
// remove what was pushed by hand, passes that are cut off or killed, requests that come
// meanwhile and may begin on what was pushed by hand, a host that refuses some of them or
// everything for a while.
func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		w := history(t, n)
		for range rapid.IntRange(0, 2).Draw(t, "secrets") {
			w.secrets[10+rapid.IntRange(0, n-1).Draw(t, "atom")] = true
		}
		for range rapid.IntRange(0, 1).Draw(t, "hangs") {
			w.hangs[10+rapid.IntRange(0, n-1).Draw(t, "atom")] = true
		}
		flaked := map[string]bool{}
		w.flaky = func(tree string) bool {
			// At most once with one tree: a check that lies twice in a row is believed.
			if flaked[tree] || !rapid.Bool().Draw(t, "flakes") {
				return false
			}
			flaked[tree] = true
			return true
		}
		var cut context.CancelFunc
		byHand := 500
		disturb := true
		w.interfere = func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			if !disturb {
				return
			}
			switch rapid.IntRange(0, 14).Draw(t, "meanwhile") {
			case 12:
				if last := len(w.tip) - 1; w.tip[last] > 500 {
					w.tip, w.rewound[w.tip[last]] = w.tip[:last:last], true
				}
			case 13:
				if w.guarded = !w.guarded; w.guarded {
					w.guards++
				}
			case 14:
				w.dead = true
			case 0:
				byHand++
				w.tip = append(w.tip, byHand)
			case 1:
				w.down, w.outage = !w.down, true
			case 2:
				cut()
			}
		}
		pass := func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cut = cancel
			_, err := w.refinery(rapid.IntRange(1, 6).Draw(t, "batch"), 1).Pass(ctx)
			if err != nil && ctx.Err() == nil && !w.dead && !errors.Is(err, town.ErrRefused) {
				t.Fatal(err)
			}
			w.dead = false
			if len(w.blamed) > 0 {
				t.Fatal(w.blamed)
			}
		}
		for range rapid.IntRange(1, 8).Draw(t, "passes") {
			pass()
			if rapid.Bool().Draw(t, "later") {
				w.now = w.now.Add(20 * time.Minute)
			}
			if rapid.IntRange(0, 3).Draw(t, "more") == 0 {
				e := w.submit(200+len(w.epochs), 2)
				if last := w.tip[len(w.tip)-1]; last > 500 && rapid.Bool().Draw(t, "on it") {
					w.base[w.requests[e].Head] = []int{last}
				}
			}
		}
		// When nothing disturbs any more, it comes to an end by itself.
		disturb, w.down, w.guarded = false, false, false
		w.flaky = func(string) bool { return false }
		for range 4 + len(w.secrets) {
			w.now = w.now.Add(time.Hour)
			w.submit(300+len(w.epochs), 2) // the host takes it, which tells of those that it refuses
			pass()
		}
		w.settled(t)
		if w.state.Trouble != nil {
			t.Errorf("%+v", w.state.Trouble)
		}
		for atom := range w.rewound {
			if slices.Contains(w.tip, atom) {
				t.Errorf("what was removed is back: %d in %v", atom, w.tip)
			}
		}
	})
}

func must(all []operational.MergeRequest, _ []string, err error) []operational.MergeRequest {
	if err != nil {
		panic(err)
	}
	return all
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
