package main

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/sync/turns"
)

// limits are what a simulation must stay within.
type limits struct {
	median, most99, longest time.Duration
	pushes, fairness        float64
	gaveUp                  int
}

func (l limits) check(t *testing.T, r Result) {
	t.Helper()
	t.Log("\n" + r.String())
	if r.Edits == 0 || r.Unpublished > 0 {
		t.Errorf("%d edits were published and %d never", r.Edits, r.Unpublished)
	}
	for what, d := range map[string][2]time.Duration{
		"median delay": {r.Delay(0.5), l.median}, "99% of the delays": {r.Delay(0.99), l.most99}, "longest delay": {r.Delay(1), l.longest},
	} {
		if d[0] > d[1] {
			t.Errorf("%s is %v, the limit is %v", what, d[0], d[1])
		}
	}
	if got := r.PushesPerEdit(); got >= l.pushes {
		t.Errorf("%.2f pushes an edit, want less than %.2f", got, l.pushes)
	}
	if got := r.Fairness(); got < l.fairness {
		t.Errorf("the Town served least has %.2f of its share, want %.2f", got, l.fairness)
	}
	if r.GaveUp > l.gaveUp {
		t.Errorf("%d pushes gave up, want %d", r.GaveUp, l.gaveUp)
	}
}

// A thousand Towns at one host with limits.
func TestThousandTowns(t *testing.T) {
	for seed := range uint64(3) {
		w := defaults()
		w.Seed, w.For = seed, time.Hour
		limits{median: 5 * time.Second, most99: 15 * time.Second, longest: 2 * time.Minute, pushes: 3}.check(t, run(w))
	}
}

// Towns in loops without a pause: each gets more than half of its share.
func TestLoops(t *testing.T) {
	for _, towns := range []int{2, 3, 4, 8, 20} {
		for seed := range uint64(3) {
			w := defaults()
			w.Seed, w.Towns, w.Every, w.For, w.Host.Failures, w.Host.PerMinute = seed, towns, 0, 2*time.Minute, 0, 0
			limits{median: 5 * time.Second, most99: 10 * time.Second, longest: 20 * time.Second, pushes: 3, fairness: 0.5}.check(t, run(w))
		}
	}
}

// Fifty Towns with an edit every five seconds each.
func TestFifty(t *testing.T) {
	for seed := range uint64(3) {
		w := defaults()
		w.Seed, w.Towns, w.Every, w.For = seed, 50, 5*time.Second, 10*time.Minute
		limits{median: 6 * time.Second, most99: 30 * time.Second, longest: 2 * time.Minute, pushes: 3, fairness: 0.5}.check(t, run(w))
	}
}

// Fifty Towns at a host where a push takes 2 to 5 s, and merges are slow too.
func TestSlowHost(t *testing.T) {
	for _, every := range []time.Duration{5 * time.Second, time.Minute} {
		for seed := range uint64(3) {
			w := defaults()
			w.Seed, w.Towns, w.Every, w.For, w.Merge = seed, 50, every, 10*time.Minute, 250*time.Millisecond
			w.Host.Latency, w.Host.Push = 500*time.Millisecond, 3*time.Second
			limits{median: 30 * time.Second, most99: 90 * time.Second, longest: 4 * time.Minute, pushes: 3, fairness: 0.2}.check(t, run(w))
		}
	}
}

// Towns that end after they left a turn hold nobody up for long.
func TestTownsThatEnd(t *testing.T) {
	w := defaults()
	w.Towns, w.Every, w.For, w.Killed, w.Host.Failures = 50, time.Minute, 2*time.Hour, 0.05, 0
	limits{median: 5 * time.Second, most99: 15 * time.Second, longest: time.Hour + time.Minute, pushes: 3}.check(t, run(w))
}

// At a host that accepts no turns everything is published too, less fairly.
func TestHostWithoutTurns(t *testing.T) {
	w := defaults()
	w.Towns, w.Every, w.For, w.Host.NoTurns = 50, time.Minute, time.Hour, true
	limits{median: 5 * time.Second, most99: 2 * time.Minute, longest: 10 * time.Minute, pushes: 4, gaveUp: 50}.check(t, run(w))
}

// Whatever the Towns and the host are like: everything is published, and a bounded
// number of publications pass a turn that waits. One that was fetched before the turn
// was left may pass it; each later one takes the oldest turns along.
func TestTurnsAreBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := defaults()
		w.Towns = rapid.IntRange(2, 60).Draw(rt, "towns")
		w.Every = time.Duration(rapid.IntRange(0, 20).Draw(rt, "seconds between edits")) * time.Second
		w.For = time.Duration(rapid.IntRange(10, 120).Draw(rt, "seconds")) * time.Second
		w.Merge = time.Duration(rapid.IntRange(1, 100).Draw(rt, "merge ms")) * time.Millisecond
		w.Killed = float64(rapid.IntRange(0, 10).Draw(rt, "killed %")) / 100
		w.Seed = rapid.Uint64().Draw(rt, "seed")
		w.Host = Host{
			Latency:     time.Duration(rapid.IntRange(1, 2000).Draw(rt, "latency ms")) * time.Millisecond,
			Push:        time.Duration(rapid.IntRange(0, 2000).Draw(rt, "push ms")) * time.Millisecond,
			Connections: rapid.SampledFrom([]int{0, 10, 50}).Draw(rt, "connections"),
			PerMinute:   rapid.SampledFrom([]int{0, 600, 3000}).Draw(rt, "connections a minute"),
			Failures:    float64(rapid.IntRange(0, 5).Draw(rt, "failures %")) / 100,
		}
		r := run(w)
		if r.Unpublished > 0 {
			rt.Errorf("%d edits were never published\n%v", r.Unpublished, r)
		}
		// A turn and all older ones need this many publications, one more may have
		// begun before the turn was left, and as many may meet a turn that has changed.
		if most := 2 + 2*((w.Towns+turns.MaxAbsorbed-1)/turns.MaxAbsorbed); r.passed > most {
			rt.Errorf("%d publications passed a turn, want at most %d\n%v", r.passed, most, r)
		}
	})
}
