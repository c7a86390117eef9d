package queue

import (
	"fmt"
	"strings"
	"testing"

	"gastown/planes/operational"
	"gastown/town"
)

func waits(rig, bead string, seq int64, priority int) operational.Waiting {
	return operational.Waiting{Bead: bead, Rig: rig, Seq: seq, Priority: priority}
}

func planned(orders []operational.Order) string {
	var all []string
	for _, o := range orders {
		all = append(all, o.Bead)
	}
	return strings.Join(all, " ")
}

func TestRigsTakeTurns(t *testing.T) {
	var w operational.Work
	for n := range 6 {
		w.Queue = append(w.Queue, waits("web", fmt.Sprint("w", n), int64(n), 2))
	}
	w.Queue = append(w.Queue, waits("api", "a0", 10, 2), waits("api", "a1", 11, 0), waits("gone", "g0", 0, 0))
	rigs := []string{"web", "api"}
	for what, c := range map[string]struct {
		bounds operational.Limits
		want   string
	}{
		"no bounds":    {operational.Limits{}, "w0 a1 w1 a0 w2 w3 w4 w5"},
		"two starting": {operational.Limits{Starting: 2}, "w0 a1"},
		"per rig":      {operational.Limits{PerRig: 1}, "w0 a1"},
		"working":      {operational.Limits{Working: 3}, "w0 a1 w1"},
	} {
		if got := planned(Plan(w, Bounds{Limits: c.bounds}, rigs)); got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
	// Who works already counts, also against the bounds; what a bead's holder still
	// has waits.
	w.Assignments = []operational.Assignment{
		{Ticket: town.Ticket{Bead: "x", Agent: town.PolecatAddress("web", "a")}, State: town.Working},
		{Ticket: town.Ticket{Bead: "w0", Agent: town.PolecatAddress("web", "b")}, State: town.Released},
	}
	if got := planned(Plan(w, Bounds{Limits: operational.Limits{Working: 4}}, rigs)); got != "a1 w1 a0" {
		t.Errorf("with one at work: %s", got)
	}
	if Place(w, "w1") != 2 || Place(w, "a0") != 2 || Place(w, "none") != 0 {
		t.Errorf("places: %d %d %d", Place(w, "w1"), Place(w, "a0"), Place(w, "none"))
	}
}

func TestEveryOrderHasAPolecatOfItsOwn(t *testing.T) {
	var w operational.Work
	for n := range 120 {
		w.Queue = append(w.Queue, waits("web", fmt.Sprint("w", n), int64(n), 2))
	}
	seen := map[town.Address]bool{}
	for _, o := range Plan(w, Bounds{}, nil) {
		if seen[o.Agent] {
			t.Fatalf("%s twice", o.Agent)
		}
		seen[o.Agent] = true
	}
	if len(seen) != 120 {
		t.Errorf("%d orders", len(seen))
	}
}
