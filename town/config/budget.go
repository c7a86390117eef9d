package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gastown/town"
)

// Budget is an amount that may be spent.
type Budget struct {
	// Dollars is in US dollars; 0 bounds nothing.
	Dollars float64
	// Period is day, week or month; "" for all time.
	Period string
}

// noBudget is how a budget that bounds nothing is written.
const noBudget = "none"

var budgetPattern = regexp.MustCompile(`^\$?(\d{1,9}(?:\.\d{1,2})?)(?:/(day|week|month))?$`)

// parseBudget reads an amount such as 25, 10.50/day or none.
func parseBudget(value string) (b Budget, err error) {
	text := strings.ToLower(strings.ReplaceAll(value, " ", ""))
	if text == noBudget || text == "" {
		return Budget{}, nil
	}
	m := budgetPattern.FindStringSubmatch(text)
	if m == nil {
		return Budget{}, fmt.Errorf("%q is not an amount in US dollars such as 25, 10.50/day, 200/week or 500/month, nor none", town.Clip(value, 40))
	}
	b.Period = m[2]
	b.Dollars, err = strconv.ParseFloat(m[1], 64)
	if err == nil && b.Dollars == 0 {
		return Budget{}, fmt.Errorf("%q would start nothing at all; none is no bound", town.Clip(value, 40))
	}
	return b, err
}

// String is the normal form.
func (b Budget) String() string {
	if b.Dollars == 0 {
		return noBudget
	}
	text := strconv.FormatFloat(b.Dollars, 'f', -1, 64)
	if b.Period != "" {
		text += "/" + b.Period
	}
	return text
}
