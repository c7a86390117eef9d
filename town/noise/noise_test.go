package noise

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		series []float64
		want   Summary
	}{
		{nil, Summary{}},
		{[]float64{7}, Summary{1, 7, 7, 7}},
		{[]float64{3, 1}, Summary{2, 2, 1.5, 2.5}},
		{[]float64{5, 1, 3, 2, 4}, Summary{5, 3, 2, 4}},
		{[]float64{1, 1, 1, 1000}, Summary{4, 1, 1, 250.75}},
	} {
		if got := Summarize(c.series); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.series, got, c.want)
		}
	}
}

// The values are those that tables of the test give, and small cases by hand.
func TestChance(t *testing.T) {
	for _, c := range []struct {
		what string
		a, b []float64
		want float64
	}{
		{"nothing", nil, []float64{1}, 1},
		{"one each", []float64{1}, []float64{2}, 1},
		{"two each", []float64{1, 2}, []float64{3, 4}, 2. / 6},
		{"three each", []float64{1, 2, 3}, []float64{4, 5, 6}, 2. / 20},
		{"five each", []float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, 2. / 252},
		{"five each, the other way", []float64{6, 7, 8, 9, 10}, []float64{1, 2, 3, 4, 5}, 2. / 252},
		{"an outlier is one rank", []float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 1e9}, 2. / 252},
		{"one step less far", []float64{1, 2, 3, 4, 6}, []float64{5, 7, 8, 9, 10}, 4. / 252},
		{"all equal", []float64{1, 1, 1}, []float64{1, 1, 1}, 1},
		{"ties", []float64{1, 1}, []float64{1, 2}, 1},
		{"in turn", []float64{1, 3, 5}, []float64{2, 4, 6}, 14. / 20},
	} {
		if got := Chance(c.a, c.b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %g, want %g", c.what, got, c.want)
		}
	}
}

// Both ways to compute it agree where they meet.
func TestExactAndNormalAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var a, b []float64
		for range 40 {
			a, b = append(a, math.Round(random.NormFloat64()*8)), append(b, math.Round(random.NormFloat64()*8+2))
		}
		ranks, ties := doubledRanks(a, b)
		sum := 0
		for _, r := range ranks[:len(a)] {
			sum += r
		}
		e, n := exact(ranks, len(a), sum), normal(len(a), len(b), sum, ties)
		if math.Abs(e-n) > 0.01 {
			t.Errorf("exact %g, normal %g", e, n)
		}
	}
}

// A thing compared with itself differs about as rarely as Level says, and a real
// difference is found.
func TestDiffer(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	series := func(n int, mean float64) (all []float64) {
		for range n {
			all = append(all, mean*math.Exp(random.NormFloat64()/10))
		}
		return all
	}
	const rounds = 2000
	same, found := 0, 0
	for range rounds {
		if Differ(series(10, 100), series(10, 100)) {
			same++
		}
		if Differ(series(10, 100), series(10, 130)) {
			found++
		}
	}
	if float64(same)/rounds > 2*Level {
		t.Errorf("%d of %d comparisons of a thing with itself differ", same, rounds)
	}
	if float64(found)/rounds < 0.9 {
		t.Errorf("a difference of 30 %% was found %d times of %d", found, rounds)
	}
	if Differ(series(Fewest-1, 1), series(Fewest-1, 100)) || !Differ(series(Fewest, 1), series(Fewest, 100)) {
		t.Errorf("%d measurements on each side are not the fewest", Fewest)
	}
}
