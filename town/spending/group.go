package spending

import (
	"cmp"
	"slices"
	"strings"
)

// Row is what was spent on one thing.
type Row struct {
	// Key is the bead, agent, rig, convoy, day or model; "" for what has none.
	Key      string `json:"key"`
	Messages int64  `json:"messages"`
	Usage
	// Dollars is what the models cost whose price is known. Unpriced are the others, and
	// UnpricedTokens how many tokens were theirs.
	Dollars        float64  `json:"dollars"`
	Unpriced       []string `json:"unpriced,omitempty"`
	UnpricedTokens int64    `json:"unpriced_tokens,omitempty"`
}

// By are the things by which Group groups a Sum by itself.
var By = map[string]func(Sum) string{
	"bead": func(s Sum) string { return s.Bead },
	"agent": func(s Sum) string {
		if s.Agent.Kind == "" {
			return ""
		}
		return s.Agent.String()
	},
	"rig":   func(s Sum) string { return s.Agent.Rig },
	"day":   func(s Sum) string { return s.Day },
	"model": func(s Sum) string { return s.Model },
}

// Group adds up sums by keys. One with several keys counts for each of them. total counts
// each once.
func Group(sums []Sum, prices Prices, keys func(Sum) []string) (rows []Row, total Row) {
	at := map[string]int{}
	for _, s := range sums {
		for _, key := range keys(s) {
			n, ok := at[key]
			if !ok {
				n = len(rows)
				at[key] = n
				rows = append(rows, Row{Key: key})
			}
			rows[n].add(s, prices)
		}
		total.add(s, prices)
	}
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Key, b.Key) })
	return rows, total
}

// Dearest orders rows by what they cost, the dearest first.
func Dearest(rows []Row) {
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Dollars, a.Dollars), cmp.Compare(b.Total(), a.Total()))
	})
}

func (r *Row) add(s Sum, prices Prices) {
	r.Messages, r.Usage = r.Messages+s.Messages, r.Usage.Add(s.Usage)
	if p, ok := prices.Find(s.Model); ok {
		r.Dollars += p.Of(s.Usage)
		return
	}
	r.UnpricedTokens += s.Usage.Total()
	if n, found := slices.BinarySearch(r.Unpriced, s.Model); !found {
		r.Unpriced = slices.Insert(r.Unpriced, n, s.Model)
	}
}
