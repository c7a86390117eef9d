package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Result is what a simulation found.
type Result struct {
	World World
	// Edits were published; Unpublished were not.
	Edits, Unpublished int
	// Pushes are publications that were tried and turns that were left: Tries and
	// Leaves. Lost are tries that another Town was faster than.
	Pushes, Tries, Leaves, Lost int
	// Publications succeeded, and took Absorbed turns along.
	Publications, Absorbed int
	// Connections were made; the host refused to serve Refused, and Failed broke.
	Connections, Refused, Failed int
	// GaveUp are pushes whose patience ended, Killed those of Towns that ended.
	GaveUp, Killed int
	// Published counts the edits of each Town within the time for edits.
	Published []int

	delays []time.Duration
	// others is the most publications between an edit and its own; passed the most
	// that passed a turn that waited.
	others, passed int
}

// Delay is how long the given share of the edits took at most.
func (r *Result) Delay(share float64) time.Duration {
	if len(r.delays) == 0 {
		return 0
	}
	slices.Sort(r.delays)
	return r.delays[min(len(r.delays)-1, int(share*float64(len(r.delays))))]
}

// PushesPerEdit is how many pushes an edit cost.
func (r *Result) PushesPerEdit() float64 { return float64(r.Pushes) / float64(max(1, r.Edits)) }

// Fairness is what the Town that was served least published, as a share of the
// mean.
func (r *Result) Fairness() float64 {
	if r.Edits == 0 {
		return 0
	}
	sum := 0
	for _, n := range r.Published {
		sum += n
	}
	return float64(slices.Min(r.Published)) * float64(len(r.Published)) / float64(max(1, sum))
}

func (r Result) String() string {
	var b strings.Builder
	w := r.World
	fmt.Fprintf(&b, "%d Towns, an edit every %v each, for %v; host: %v + %v a push, %d connections at once, %d a minute, %.2g%% fail\n",
		w.Towns, w.Every, w.For, w.Host.Latency, w.Host.Push, w.Host.Connections, w.Host.PerMinute, w.Host.Failures*100)
	fmt.Fprintf(&b, "edits        %d published, %d not; %d pushes gave up\n", r.Edits, r.Unpublished, r.GaveUp)
	fmt.Fprintf(&b, "delay        median %v, 90%% %v, 99%% %v, longest %v\n", r.Delay(0.5).Round(time.Millisecond),
		r.Delay(0.9).Round(time.Millisecond), r.Delay(0.99).Round(time.Millisecond), r.Delay(1).Round(time.Millisecond))
	fmt.Fprintf(&b, "pushes       %.2f an edit: %d tries, of which %d lost, and %d turns left\n", r.PushesPerEdit(), r.Tries, r.Lost, r.Leaves)
	fmt.Fprintf(&b, "publications %d, with %d turns of others; at most %d between an edit and its own, %d passed a turn\n", r.Publications, r.Absorbed, r.others, r.passed)
	fmt.Fprintf(&b, "connections  %.2f an edit; %d refused by the host, %d failed\n", float64(r.Connections)/float64(max(1, r.Edits)), r.Refused, r.Failed)
	fmt.Fprintf(&b, "fairness     the Town served least has %.2f of the mean (%d to %d edits)\n", r.Fairness(), slices.Min(r.Published), slices.Max(r.Published))
	return b.String()
}

func name(i int) string { return fmt.Sprintf("town-%06d", i) }
