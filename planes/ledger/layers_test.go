package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gastown/town"
)

// Each bead is in the layer after all it waits for; beads that wait for each other
// come last. Every bead is in one layer.
func TestLayout(t *testing.T) {
	for links, want := range map[string]string{
		"":                "[[a b c d]]",
		"b>a c>b d>c":     "[[a] [b] [c] [d]]",
		"b>a c>a d>b d>c": "[[a] [b c] [d]]",
		"a>b b>a":         "[[c d] [a b]]",
		"a>b b>c c>d d>a": "[[a b c d]]",
		"b>a c>b b>c":     "[[a d] [b c]]",
		"d>a d>b d>c":     "[[a b c] [d]]",
	} {
		g := Graph{}
		for _, id := range []string{"a", "b", "c", "d"} {
			g.Issues = append(g.Issues, town.Bead{ID: id})
		}
		g.Root = g.Issues[0]
		for link := range strings.FieldsSeq(links) {
			from, to, _ := strings.Cut(link, ">")
			g.Dependencies = append(g.Dependencies, town.Dependency{Bead: from, Target: to, Type: town.DepBlocks})
		}
		a := g.Layout()
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
