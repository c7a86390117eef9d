package sling

import (
	"strings"
	"testing"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/polecat"
)

// A bead that came straight back is an error, with the reason. One that is done already,
// that waits, or that a polecat has, is none.
func TestCameBack(t *testing.T) {
	amber := town.PolecatAddress("web", "amber")
	work := &operational.Work{
		Assignments: []operational.Assignment{{Ticket: town.Ticket{Bead: "web-held", Agent: amber, Run: 1, Epoch: 1}, State: town.Assigned}},
		Queue:       []operational.Waiting{{Bead: "web-waits", Rig: "web", Seq: 1}},
	}
	did := []polecat.Action{
		{Deed: polecat.Spawn, Bead: "web-done"}, {Deed: polecat.GiveBack, Bead: "web-lost", Why: "its program codex was not found (status 127)"},
		{Deed: polecat.Return, Bead: "web-tried", Why: "it was tried 5 times"}, {Deed: polecat.Return, Bead: "web-held", Why: "another polecat has it by now"},
	}
	var wanted []operational.Waiting
	for _, bead := range []string{"web-held", "web-waits", "web-done", "web-lost", "web-tried"} {
		wanted = append(wanted, operational.Waiting{Bead: bead, Rig: "web"})
	}
	list := outcome(work, did, wanted)
	for i, want := range []string{"assigned", "queued", "released", "returned", "returned"} {
		if list[i].State != want {
			t.Errorf("%s is %s, want %s", list[i].Bead, list[i].State, want)
		}
	}
	err := cameBack(list)
	for _, part := range []string{"web-lost", "codex was not found", "web-tried", "tried 5 times"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
	if err := cameBack(list[:3]); err != nil {
		t.Errorf("nothing came back: %v", err)
	}
}
