package queue

import (
	"fmt"
	"strings"
	"testing"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/machine"
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

// The machine is a bound as others are. The tightest one is named, for each rig.
func TestWhichBoundHolds(t *testing.T) {
	const mega = 1 << 20
	carry := Carry{FreeMemory: 500 * mega, SessionMemory: 500 * mega, FreeDisk: 500 * mega, MaxLoad: 4, Sessions: 50}
	large := machine.Readings{Memory: 64000 * mega, Load: 1, Cores: 4, Disk: 64000 * mega}
	with := func(change func(*machine.Readings)) machine.Readings {
		m := large
		change(&m)
		return m
	}
	for what, c := range map[string]struct {
		machine machine.Readings
		carry   Carry
		limits  operational.Limits
		at      int // work and start
		made    int
		holds   string
	}{
		"nothing holds":                  {large, carry, operational.Limits{}, 0, 4, ""},
		"nobody looks":                   {machine.Unknown, carry, operational.Limits{}, 0, 4, ""},
		"nothing is left, no bound":      {machine.Readings{Cores: 1, Load: 99}, Carry{}, operational.Limits{}, 0, 4, ""},
		"memory for two":                 {with(func(m *machine.Readings) { m.Memory = 1600 * mega }), carry, operational.Limits{}, 0, 2, "api machine.free_memory, web machine.free_memory"},
		"memory that starting ones take": {with(func(m *machine.Readings) { m.Memory = 1600 * mega }), carry, operational.Limits{}, 1, 1, "api machine.free_memory, web machine.free_memory"},
		"memory below what must stay":    {with(func(m *machine.Readings) { m.Memory = 100 * mega }), carry, operational.Limits{}, 0, 0, "api machine.free_memory, web machine.free_memory"},
		"memory, size not expected":      {with(func(m *machine.Readings) { m.Memory = 600 * mega }), Carry{FreeMemory: 500 * mega}, operational.Limits{}, 0, 4, ""},
		"load":                           {with(func(m *machine.Readings) { m.Load = 16 }), carry, operational.Limits{}, 0, 0, "api machine.max_load, web machine.max_load"},
		"load just below":                {with(func(m *machine.Readings) { m.Load = 15.9 }), carry, operational.Limits{}, 0, 4, ""},
		"disk":                           {with(func(m *machine.Readings) { m.Disk = 499 * mega }), carry, operational.Limits{}, 0, 0, "api machine.free_disk, web machine.free_disk"},
		"sessions":                       {large, Carry{Sessions: 3}, operational.Limits{}, 1, 2, "api tmux.max_sessions, web tmux.max_sessions"},
		"sessions, too many already":     {large, Carry{Sessions: 1}, operational.Limits{}, 2, 0, "api tmux.max_sessions, web tmux.max_sessions"},
		"polecats of the Town":           {large, carry, operational.Limits{Working: 1}, 0, 1, "api polecat.max_concurrent, web polecat.max_concurrent"},
		"sessions that start":            {large, carry, operational.Limits{Starting: 2}, 1, 1, "api sling.max_concurrent, web sling.max_concurrent"},
		"polecats of a rig":              {large, carry, operational.Limits{PerRig: 1}, 0, 2, "api polecat.max_per_rig, web polecat.max_per_rig"},
		"the limit is below the room":    {with(func(m *machine.Readings) { m.Memory = 2100 * mega }), carry, operational.Limits{Working: 2}, 0, 2, "api polecat.max_concurrent, web polecat.max_concurrent"},
	} {
		w := operational.Work{Queue: []operational.Waiting{waits("web", "w0", 1, 2), waits("web", "w1", 2, 2), waits("api", "a0", 3, 2), waits("api", "a1", 4, 2)}}
		for n := range c.at {
			a := town.PolecatAddress("other", fmt.Sprint("x", n))
			w.Assignments = append(w.Assignments, operational.Assignment{Ticket: town.Ticket{Bead: fmt.Sprint("x", n), Agent: a}, State: town.Assigned})
			w.Agents = append(w.Agents, operational.Agent{Address: a, Bead: fmt.Sprint("x", n)})
		}
		d := Decide(Snapshot{Work: w, Bounds: Bounds{Limits: c.limits, Carry: c.carry}, Rigs: []string{"web", "api"}, Machine: c.machine})
		var holds []string
		for _, h := range d.Holds {
			holds = append(holds, h.Rig+" "+h.Bound)
			if h.Why == "" {
				t.Errorf("%s: %+v says nothing", what, h)
			}
		}
		if got := strings.Join(holds, ", "); len(d.Orders) != c.made || got != c.holds {
			t.Errorf("%s: %d orders, %q, want %d, %q", what, len(d.Orders), got, c.made, c.holds)
		}
	}
	d := Decide(Snapshot{Work: operational.Work{Queue: []operational.Waiting{waits("gone", "g", 1, 2)}}, Rigs: []string{"web"}})
	if len(d.Holds) != 1 || d.Holds[0].Bound != BoundUnknown {
		t.Errorf("a rig that is gone: %+v", d.Holds)
	}
}
