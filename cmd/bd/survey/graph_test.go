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
