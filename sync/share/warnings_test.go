package share

import (
	"strings"
	"testing"

	"gastown/town"
)

// A rule that selects everything says so, and so does one that asks for what no bead
// has.
func TestWarnings(t *testing.T) {
	var seen Seen
	seen.Add(town.Bead{ID: "gt-a3f8x", Type: "bug", Status: "open", Labels: []string{"public"}})
	seen.Add(town.Bead{ID: "web-b3f8x", Type: "task", Status: "closed"})
	prefixes := map[string]string{"site": "web", "empty": "em"}
	for _, test := range []struct {
		rule Rule
		want string
	}{
		{Rule{}, "rule r: it has no condition, so it shares every bead of this Town"},
		{Rule{Fields: []string{"title"}}, "rule r: it has no condition, so it shares every bead of this Town"},
		{Rule{Rig: "site", Types: []town.BeadType{"bug"}, Statuses: []town.Status{"open"}, Labels: []string{"public"}}, ""},
		{Rule{Rig: "gt"}, ""},
		{Rule{Rig: "empty"}, "rule r: no bead is of the rig empty"},
		{Rule{Rig: "webb"}, "rule r: no rig is called webb, and no bead's id begins with webb-"},
		{Rule{Types: []town.BeadType{"bug", "bgu"}}, "rule r: no bead has the type bgu"},
		{Rule{Statuses: []town.Status{"blocked"}, Labels: []string{"publik"}}, "rule r: no bead has the status blocked\nrule r: no bead has the label publik"},
	} {
		test.rule.Name = "r"
		var got []string
		for _, w := range (Rules{test.rule}).Warnings(seen, prefixes) {
			got = append(got, w.String())
		}
		if text := strings.Join(got, "\n"); text != test.want {
			t.Errorf("%+v: %q, want %q", test.rule, text, test.want)
		}
	}
	if got := (Rules{{Name: "r", Labels: []string{"x"}}}).Warnings(Seen{}, nil); len(got) != 1 {
		t.Errorf("an empty ledger: %v", got)
	}
}
