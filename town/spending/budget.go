package spending

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gastown/town"
)

// Sum is what the messages used that have the same agent, bead, day and model.
type Sum struct {
	// Agent is the zero address for what nobody's session used. Bead is "" outside of an
	// assignment.
	Agent town.Address `json:"agent,omitzero"`
	Bead  string       `json:"bead,omitempty"`
	// Day is in UTC, as 2031-03-10.
	Day      string `json:"day"`
	Model    string `json:"model"`
	Messages int64  `json:"messages"`
	Usage
}

// Day is the day of a time, as a Sum has it.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Limit is how much may be spent.
type Limit struct {
	// Dollars is the amount; 0 bounds nothing.
	Dollars float64
	// Period is PerDay, PerWeek or PerMonth; "" for all time.
	Period string
}

// The periods. They begin at midnight UTC, a week on Monday.
const (
	PerDay   = "day"
	PerWeek  = "week"
	PerMonth = "month"
)

// Since is the first day of the present period; "" for all time.
func (l Limit) Since(now time.Time) string {
	now = now.UTC()
	switch l.Period {
	case PerDay:
		return Day(now)
	case PerWeek:
		return Day(now.AddDate(0, 0, -(int(now.Weekday())+6)%7))
	case PerMonth:
		return Day(now.AddDate(0, 0, 1-now.Day()))
	}
	return ""
}

func (l Limit) String() string {
	text := fmt.Sprintf("$%.2f", l.Dollars)
	if l.Period != "" {
		text += " a " + l.Period
	}
	return text
}

// Limits are the budgets of a Town: one for each bead, one for each rig, one for all.
type Limits struct{ Bead, Rig, Town Limit }

// None reports whether nothing is bounded.
func (l Limits) None() bool { return l.Bead.Dollars <= 0 && l.Rig.Dollars <= 0 && l.Town.Dollars <= 0 }

// Since is the first day that counts for any budget; "" for all time.
func (l Limits) Since(now time.Time) string {
	since := Day(now)
	for _, one := range []Limit{l.Bead, l.Rig, l.Town} {
		if one.Dollars > 0 {
			since = min(since, one.Since(now))
		}
	}
	return since
}

// Scope is what a budget is for.
type Scope string

// The scopes.
const (
	OfBead Scope = "bead"
	OfRig  Scope = "rig"
	OfTown Scope = "town"
)

// warnAt is the share of a budget from which on people are warned.
const warnAt = 0.8

// Verdict is a budget that is at least 80 % spent.
type Verdict struct {
	Scope Scope
	// Name is that of the bead or rig; "" for the Town.
	Name  string
	Limit Limit
	// Spent is in US dollars.
	Spent float64
}

// Reached reports whether nothing new may be started.
func (v Verdict) Reached() bool { return v.Spent >= v.Limit.Dollars }

// String says it in one sentence.
func (v Verdict) String() string {
	who := string(v.Scope) + " " + v.Name
	if v.Scope == OfTown {
		who = "the Town"
	} else if v.Scope == OfBead {
		who = v.Name
	}
	return fmt.Sprintf("%s spent $%.2f of its budget of %s", who, v.Spent, v.Limit)
}

// Judge finds the budgets that are 80 % spent or more. What has no known price costs
// nothing here: unpriced are the models of that kind.
func Judge(l Limits, sums []Sum, prices Prices, now time.Time) (all []Verdict, unpriced []string) {
	type key struct {
		scope Scope
		name  string
	}
	spent := map[key]float64{}
	for _, s := range sums {
		p, ok := prices.Find(s.Model)
		if !ok {
			unpriced = append(unpriced, s.Model)
			continue
		}
		cost := p.Of(s.Usage)
		for _, one := range []struct {
			key
			limit  Limit
			counts bool
		}{{key{OfBead, s.Bead}, l.Bead, s.Bead != ""}, {key{OfRig, s.Agent.Rig}, l.Rig, s.Agent.Rig != ""}, {key{OfTown, ""}, l.Town, true}} {
			if one.counts && one.limit.Dollars > 0 && s.Day >= one.limit.Since(now) {
				spent[one.key] += cost
			}
		}
	}
	of := map[Scope]Limit{OfBead: l.Bead, OfRig: l.Rig, OfTown: l.Town}
	for k, dollars := range spent {
		if limit := of[k.scope]; dollars >= warnAt*limit.Dollars {
			all = append(all, Verdict{Scope: k.scope, Name: k.name, Limit: limit, Spent: dollars})
		}
	}
	slices.SortFunc(all, func(a, b Verdict) int { return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Name, b.Name)) })
	slices.Sort(unpriced)
	return all, slices.Compact(unpriced)
}
