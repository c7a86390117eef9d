package town

import (
	"cmp"
	"slices"
)

// maxCompared is the longest word, in bytes, that is compared with others.
const maxCompared = 128

// Nearest returns up to n of the words a misspelt one may have meant, best first.
func Nearest(word string, words []string, n int) []string {
	if word == "" || len(word) > maxCompared {
		return nil
	}
	type candidate struct {
		word     string
		distance int
	}
	var found []candidate
	for _, w := range words {
		if limit := 1 + len(word)/4; max(len(w)-len(word), len(word)-len(w)) <= limit {
			if d := Distance(word, w); d <= limit {
				found = append(found, candidate{w, d})
			}
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.word, b.word))
	})
	names := make([]string, 0, n)
	for _, f := range found[:min(n, len(found))] {
		names = append(names, f.word)
	}
	return names
}

// Distance is Levenshtein's: the fewest bytes to insert, remove or replace.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
