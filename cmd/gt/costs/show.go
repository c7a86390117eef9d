package costs

import (
	"fmt"
	"strconv"
	"strings"

	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/spending"
)

// show prints the result.
func (o *options) show(r result) error {
	return o.call.Show(r, func(p *term.Printer) {
		if len(r.Rows) == 0 {
			p.Line("no known spending since %s", r.Since)
		} else {
			var rows [][]string
			for _, row := range r.Rows {
				rows = append(rows, cells(row, name(row.Key)))
			}
			rows = append(rows, cells(r.Total, "total"))
			p.Table([]string{strings.ToUpper(r.By), "COST", "ANSWERS", "INPUT", "CACHE READ", "CACHE WRITE", "OUTPUT"}, rows)
		}
		if n := len(r.Total.Unpriced); n > 0 {
			p.Wrapped(term.Warn, "no price is known for ", fmt.Sprintf("%s, so the cost of %s tokens is unknown; add prices to config/prices.yaml",
				town.Visible(strings.Join(r.Total.Unpriced[:min(n, 5)], ", ")), amount(r.Total.UnpricedTokens)))
		}
		for _, b := range r.Budgets {
			if b.Reached {
				p.Wrapped(term.Bad, "budget reached: ", b.text+"; no new work starts under it")
			} else {
				p.Wrapped(term.Warn, "budget: ", b.text)
			}
		}
	})
}

// name is the name of a row; a row of what has none is "-".
func name(key string) string {
	if key == "" {
		return "-"
	}
	return town.Visible(key)
}

func cells(r spending.Row, name string) []string {
	cost := fmt.Sprintf("$%.2f", r.Dollars)
	switch {
	case r.UnpricedTokens > 0 && r.UnpricedTokens == r.Total():
		cost = "unknown"
	case r.UnpricedTokens > 0:
		cost += " + unknown"
	}
	return []string{name, cost, strconv.FormatInt(r.Messages, 10), amount(r.Input), amount(r.CacheRead), amount(r.CacheWrite), amount(r.Output)}
}

// amount is a number of tokens for people.
func amount(n int64) string {
	switch {
	case n >= 10_000_000:
		return fmt.Sprintf("%.0fM", float64(n)/1e6)
	case n >= 1_000_000:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	case n >= 10_000:
		return fmt.Sprintf("%.0fk", float64(n)/1e3)
	}
	return strconv.FormatInt(n, 10)
}
