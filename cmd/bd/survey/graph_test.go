package survey

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gastown/town"
)

// Each bead is in the layer after all it waits for; beads that wait for each other
// come last. Every bead is in one layer.
func TestArrange(t *testing.T) {
	for links, want := range map[string]string{
		"":                "[[a b c d]]",
		"b>a c>b d>c":     "[[a] [b] [c] [d]]",
		"b>a c>a d>b d>c": "[[a] [b c] [d]]",
		"a>b b>a":         "[[c d] [a b]]",
		"a>b b>c c>d d>a": "[[a b c d]]",
		"b>a c>b b>c":     "[[a d] [b c]]",
		"d>a d>b d>c":     "[[a b c] [d]]",
	} {
		g := graph{}
		for _, id := range []string{"a", "b", "c", "d"} {
			g.Issues = append(g.Issues, town.Bead{ID: id})
		}
		g.Root = g.Issues[0]
		for link := range strings.FieldsSeq(links) {
			from, to, _ := strings.Cut(link, ">")
			g.Dependencies = append(g.Dependencies, town.Dependency{Bead: from, Target: to, Type: town.DepBlocks})
		}
		a := arrange(g)
		if got := fmt.Sprint(a.Layers); got != want || a.MaxLayer != len(a.Layers)-1 {
			t.Errorf("%s: %s, not %s", links, got, want)
		}
		var all []string
		for _, layer := range a.Layers {
			all = append(all, layer...)
		}
		slices.Sort(all)
		if !slices.Equal(all, []string{"a", "b", "c", "d"}) {
			t.Errorf("%s: %q", links, all)
		}
	}
}

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
		if got := lacks(c.bead); len(got) != c.want {
			t.Errorf("%+v lacks %q", c.bead, got)
		}
	}
}

// A commit names a bead as done in parentheses or after a word that closes.
func TestDoneBy(t *testing.T) {
	for message, want := range map[string]string{
		"Fix it (gt-a3f8x)": "gt-a3f8x", "fixes gt-1. Also closes: x-y-2.1!": "gt-1 x-y-2.1", "see gt-1": "", "(not an id)": "", "resolve gt-1 and gt-2": "gt-1",
		"prefix gt-1": "", "(gt-1) (gt-2)": "gt-1 gt-2", "(gt-)": "",
	} {
		if got := strings.Join(doneBy(message), " "); got != want {
			t.Errorf("%q names %q, not %q", message, got, want)
		}
	}
}
