// Package noise decides whether two sets of measurements differ by more than chance.
//
// A set is summarized by its median and its quartiles, which a busy machine hardly moves
// although it makes single measurements long. Two sets are compared by the Mann-Whitney
// test. It uses only the ranks of the measurements, so it assumes no distribution, and an
// outlier counts no more than any other longest measurement.
package noise

import (
	"math"
	"slices"
)

// Level is the probability below which a difference counts as more than noise: of a
// hundred comparisons of a thing with itself one is wrong.
const Level = 0.01

// Fewest is the smallest number of measurements on each side with which a difference can
// reach Level: 5 and 5 can be ordered in 252 ways, and the two extreme ones are 0.8 %.
const Fewest = 5

// maxExact bounds the measurements of both sides together for which every order is
// counted. With more of them the normal distribution is close enough.
const maxExact = 100

// Summary describes a set of measurements.
type Summary struct {
	// N is how many measurements there are.
	N int `json:"n"`
	// Median is the middle one, Low and High are the quartiles: half of the measurements
	// lie between them.
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Summarize describes a set; the zero Summary for an empty one.
func Summarize(series []float64) Summary {
	if len(series) == 0 {
		return Summary{}
	}
	sorted := slices.Sorted(slices.Values(series))
	return Summary{N: len(sorted), Median: quantile(sorted, 0.5), Low: quantile(sorted, 0.25), High: quantile(sorted, 0.75)}
}

// Median of a set; 0 for an empty one.
func Median(series []float64) float64 { return Summarize(series).Median }

// Quantile is the value below which a part q of a set is, 0 to 1, interpolated between the two
// nearest measurements; 0 for an empty set.
func Quantile(series []float64, q float64) float64 {
	if len(series) == 0 {
		return 0
	}
	return quantile(slices.Sorted(slices.Values(series)), q)
}

func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	below := int(at)
	if below+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	part := at - float64(below)
	return sorted[below]*(1-part) + sorted[below+1]*part
}

// Chance is the probability that two sets of measurements of the same thing differ in
// their ranks at least as much as these: the two-sided p-value of the Mann-Whitney test.
// It is 1 when one of them is empty.
func Chance(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 1
	}
	ranks, ties := doubledRanks(a, b)
	sum := 0
	for _, r := range ranks[:len(a)] {
		sum += r
	}
	if len(ranks) <= maxExact {
		return exact(ranks, len(a), sum)
	}
	return normal(len(a), len(b), sum, ties)
}

// Differ reports whether the difference between two sets is more than noise.
func Differ(a, b []float64) bool { return Chance(a, b) < Level }

// doubledRanks are twice the ranks of the measurements of a, then of b, in both together.
// Equal ones share the mean of their ranks, which is why ranks are doubled. ties is the
// sum of t³-t over the groups of t equal ones.
func doubledRanks(a, b []float64) (ranks []int, ties float64) {
	all := slices.Concat(a, b)
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case all[i] < all[j]:
			return -1
		case all[i] > all[j]:
			return 1
		}
		return 0
	})
	ranks = make([]int, len(all))
	for first := 0; first < len(order); {
		next := first + 1
		for next < len(order) && all[order[next]] == all[order[first]] {
			next++
		}
		for _, i := range order[first:next] {
			ranks[i] = first + 1 + next // twice the mean of first+1 ... next
		}
		t := float64(next - first)
		ties += t*t*t - t
		first = next
	}
	return ranks, ties
}

// exact counts the ways to choose n of the ranks, and those whose sum is at least as far
// from the mean as the one that was measured.
func exact(ranks []int, n, sum int) float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	// ways[k][s] is the number of ways to choose k ranks whose sum is s.
	ways := make([][]float64, n+1)
	for k := range ways {
		ways[k] = make([]float64, total+1)
	}
	ways[0][0] = 1
	for i, r := range ranks {
		for k := min(n, i+1); k > 0; k-- {
			for s := total; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	// Sums are compared as multiples of the number of ranks: the mean is total*n/ranks.
	mean, far := total*n, 0
	if far = sum*len(ranks) - mean; far < 0 {
		far = -far
	}
	var all, extreme float64
	for s, w := range ways[n] {
		all += w
		if d := s*len(ranks) - mean; d >= far || -d >= far {
			extreme += w
		}
	}
	return min(extreme/all, 1)
}

// normal approximates the distribution of the sum, with the correction for ties and for
// continuity.
func normal(n, m, doubled int, ties float64) float64 {
	a, b := float64(n), float64(m)
	all := a + b
	mean := a * (all + 1) / 2
	variance := a * b / 12 * (all + 1 - ties/(all*(all-1)))
	if variance <= 0 { // all are equal
		return 1
	}
	far := max(math.Abs(float64(doubled)/2-mean)-0.5, 0)
	return math.Erfc(far / math.Sqrt(2*variance))
}
