package ledger

import (
	"testing"

	"gastown/town"
)

// What a description or a field says is not missing, in any case and for any type.
func TestLacks(t *testing.T) {
	for _, c := range []struct {
		bead town.Bead
		want int
	}{
		{town.Bead{Type: town.TypeBug}, 2},
		{town.Bead{Type: town.TypeBug, Description: "## STEPS to reproduce\n1"}, 1},
		{town.Bead{Type: town.TypeBug, Description: "Steps to Reproduce: run it", AcceptanceCriteria: "it runs"}, 0},
		{town.Bead{Type: town.TypeTask}, 1},
		{town.Bead{Type: town.TypeTask, AcceptanceCriteria: " \n"}, 1},
		{town.Bead{Type: town.TypeFeature, Description: "acceptance criteria: green"}, 0},
		{town.Bead{Type: town.TypeEpic, Description: "## Success Criteria"}, 0},
		{town.Bead{Type: town.TypeEpic, Description: "## Acceptance Criteria"}, 0},
		{town.Bead{Type: town.TypeChore}, 0},
		{town.Bead{Type: "strange"}, 0},
	} {
		if got := Lacks(c.bead); len(got) != c.want {
			t.Errorf("%+v lacks %q", c.bead, got)
		}
	}
}
