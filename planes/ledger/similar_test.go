package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gastown/town"
)

// Every pair that is similar is found, as by comparing each bead with each other.
func TestSimilarFindsEveryPair(t *testing.T) {
	s := newLedger(t)
	r := rand.New(rand.NewPCG(1, 2))
	var list []NewBead
	for i := range 120 {
		var words []string
		for range 2 + r.IntN(9) {
			words = append(words, fmt.Sprintf("w%d", int(r.ExpFloat64()*8)))
		}
		list = append(list, NewBead{Bead: town.Bead{ID: fmt.Sprintf("gt-%d", i), Title: strings.Join(words, " "), Description: "The A"}})
	}
	if _, err := s.Create(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	for _, threshold := range []float64{0.1, 0.5, 0.8, 1} {
		got, err := s.Similar(t.Context(), Filter{}, threshold)
		if err != nil {
			t.Fatal(err)
		}
		var found, want []string
		for _, p := range got {
			found = append(found, p.A.ID+" "+p.B.ID)
		}
		ids := map[string]int32{}
		seen := make([]int, 1000)
		for i, a := range list {
			for _, b := range list[i+1:] {
				x, y := wordsOf(a.Title+" "+a.Description, ids), wordsOf(b.Title+" "+b.Description, ids)
				if similarity(x, y, seen) >= threshold {
					pair := []string{a.ID, b.ID}
					slices.Sort(pair)
					want = append(want, strings.Join(pair, " "))
				}
			}
		}
		slices.Sort(found)
		slices.Sort(want)
		if len(want) == 0 || !slices.Equal(found, want) {
			t.Errorf("threshold %v: found %d pairs of %d", threshold, len(found), len(want))
		}
	}
}

// Words are compared, not letters, and in any case.
func TestSimilarity(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"Fix the login", "fix THE login!", 1}, {"one two", "three four", 0}, {"", "one", 0}, {"a b c", "a b c", 0},
		{"one two three four", "one two", 0.604}, {"größe ändern", "Größe ändern", 1},
	} {
		ids := map[string]int32{}
		x, y := wordsOf(c.a, ids), wordsOf(c.b, ids)
		got := 0.0
		if len(x) > 0 && len(y) > 0 {
			got = similarity(x, y, make([]int, len(ids)))
		}
		if diff := got - c.want; diff > 0.001 || diff < -0.001 {
			t.Errorf("%q and %q: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
