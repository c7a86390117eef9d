package policy

import (
	"testing"

	"pgregory.net/rapid"

	"gastown/town"
)

// Of two different edits at least one follows the other, so two Towns that each keep
// their own come to the same one. No edit follows itself.
func TestFollows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) town.Edit {
			kind := town.KindRole
			version := ""
			if rapid.Bool().Draw(t, name+" is a formula") {
				kind, version = town.KindFormula, rapid.SampledFrom([]string{"1.0.0", "1.0.1", "2.0.0", "x", "1.0.0+b"}).Draw(t, name+" version")
			}
			return town.Edit{Key: town.Key{Kind: kind, Name: "n"}, Version: version, Text: rapid.SampledFrom([]string{"p", "q"}).Draw(t, name),
				Revision: rapid.Uint64Range(1, 3).Draw(t, name+" revision"), Town: "t"}
		}
		a, b := draw("a"), draw("b")
		if Follows(a, a) {
			t.Fatal("an edit follows itself")
		}
		if a != b && a.Kind == b.Kind && !Follows(a, b) && !Follows(b, a) {
			t.Fatalf("neither %+v nor %+v follows the other", a, b)
		}
		if a.Kind == town.KindRole && b.Kind == town.KindRole && a != b && Follows(a, b) == Follows(b, a) {
			t.Fatal("two roles follow each other")
		}
	})
}
