package ledger

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Pair is two beads whose words are alike. A has the smaller id.
type Pair struct {
	A, B Item
	// Similarity is from 0 to 1, where 1 means the same words.
	Similarity float64
}

// Similar returns pairs of beads whose titles and descriptions have many words in common,
// the most similar first. A pair is similar from the threshold on, which is more than 0
// and at most 1. The time grows with the square of the number of beads when most of them
// share rare words.
func (s *Store) Similar(ctx context.Context, f Filter, threshold float64) ([]Pair, error) {
	f.Fields = Fields{"title", "description"}
	var items []Item
	ids := map[string]int32{}
	var seen []int // how many beads have a word
	var words [][]int32
	err := s.List(ctx, f, func(i Item) error {
		set := wordsOf(i.Title+" "+i.Description, ids)
		for _, w := range set {
			if int(w) == len(seen) {
				seen = append(seen, 0)
			}
			seen[w]++
		}
		i.Description = ""
		items, words = append(items, i), append(words, set)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, set := range words { // the rarest first
		slices.SortFunc(set, func(a, b int32) int { return cmp.Or(cmp.Compare(seen[a], seen[b]), cmp.Compare(a, b)) })
	}
	var pairs []Pair
	with := map[int32][]int{} // the beads so far that have a word among their rare ones
	looked := make([]int, len(items))
	for b, set := range words {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		for _, w := range set[:rareWords(len(set), threshold)] {
			for _, a := range with[w] {
				if looked[a] == b+1 {
					continue
				}
				looked[a] = b + 1
				if alike := similarity(words[a], set, seen); alike >= threshold {
					p := Pair{items[a], items[b], alike}
					if p.A.ID > p.B.ID {
						p.A, p.B = p.B, p.A
					}
					pairs = append(pairs, p)
				}
			}
			with[w] = append(with[w], b)
		}
	}
	slices.SortFunc(pairs, func(p, q Pair) int {
		return cmp.Or(cmp.Compare(q.Similarity, p.Similarity), cmp.Compare(p.A.ID, q.A.ID), cmp.Compare(p.B.ID, q.B.ID))
	})
	return pairs, nil
}

// rareWords is how many of a bead's n words, the rarest first, must be looked at. A bead
// that is similar to it has at least threshold² · n of them, and so one of these.
func rareWords(n int, threshold float64) int {
	return min(n, n-int(math.Ceil(threshold*threshold*float64(n)-1e-9))+1)
}

// similarity is the mean of two measures of how many words two beads share: of all that
// they have (Jaccard), and of how many each has (cosine).
func similarity(a, b []int32, seen []int) float64 {
	shared := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch x, y := a[i], b[j]; {
		case x == y:
			shared, i, j = shared+1, i+1, j+1
		case seen[x] < seen[y] || seen[x] == seen[y] && x < y:
			i++
		default:
			j++
		}
	}
	n := float64(shared)
	return (n/float64(len(a)+len(b)-shared) + n/math.Sqrt(float64(len(a)*len(b)))) / 2
}

// wordsOf returns each word of a text once, as a number. ids has the numbers so far.
// Single letters are no words.
func wordsOf(text string, ids map[string]int32) (set []int32) {
	separates := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' }
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), separates) {
		if utf8.RuneCountInString(word) < 2 {
			continue
		}
		id, known := ids[word]
		if !known {
			id = int32(len(ids))
			ids[strings.Clone(word)] = id
		}
		set = append(set, id)
	}
	slices.Sort(set)
	return slices.Compact(set)
}
