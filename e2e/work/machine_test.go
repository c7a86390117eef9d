package work

import (
	"strings"
	"testing"
)

// A machine that carries no more sessions starts none, and says which bound holds, once.
// With room again the bead is worked.
func TestMachineHolds(t *testing.T) {
	t.Parallel()
	p := found(t)
	p.GT("config", "machine.check", "true")
	p.GT("config", "machine.max_load", "0")
	p.GT("config", "machine.free_disk", "0")
	p.GT("config", "machine.free_memory", "60TB")
	p.bead("web-a1", "usual")
	p.GT("sling", "web-a1", "web")
	for range 3 {
		p.GT("polecat", "patrol")
	}
	if agents := p.Status().Agents; len(agents) > 0 {
		t.Errorf("a session starts: %+v", agents)
	}
	for _, args := range [][]string{{"queue", "list"}, {"queue", "list", "--json"}, {"status"}, {"status", "--json"}} {
		if out := p.GT(args...); !strings.Contains(out, "machine.free_memory") {
			t.Errorf("gt %s does not say what holds:\n%s", strings.Join(args, " "), out)
		}
	}
	count := func(kind string) (n int) {
		for _, e := range p.Feed() {
			if e.Kind == kind && e.Subject == "web" {
				n++
			}
		}
		return n
	}
	if n := count("queue.held"); n != 1 {
		t.Errorf("the feed tells %d times that the rig is held", n)
	}
	p.GT("config", "machine.free_memory", "0")
	p.patrolUntil("the bead is handed in", func() bool { return p.HandedIn(p.Status(), "web-a1") })
	if n := count("queue.free"); n != 1 {
		t.Errorf("the feed tells %d times that the rig is free", n)
	}
}
