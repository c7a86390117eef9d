package queue

import (
	"context"
	"slices"
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/machine"
	"gastown/town/spending"
)

// A budget that is reached keeps what waits, and nothing else.
func TestBudgets(t *testing.T) {
	w := operational.Work{Queue: []operational.Waiting{waits("web", "w1", 1, 2), waits("web", "w2", 2, 2), waits("api", "a1", 3, 2)}}
	for what, c := range map[string]struct {
		spent Spent
		want  string
		holds []operational.Hold
	}{
		"nothing":  {Spent{}, "w1 a1 w2", nil},
		"a bead":   {Spent{Beads: map[string]string{"w1": "too dear"}}, "w2 a1", []operational.Hold{{Rig: "web", Bound: "budget.bead", Why: "too dear"}}},
		"a rig":    {Spent{Rigs: map[string]string{"web": "poor"}}, "a1", []operational.Hold{{Rig: "web", Bound: "budget.rig", Why: "poor"}}},
		"the Town": {Spent{Town: "broke"}, "", []operational.Hold{{Rig: "api", Bound: "budget.town", Why: "broke"}, {Rig: "web", Bound: "budget.town", Why: "broke"}}},
	} {
		d := Decide(Snapshot{Work: w, Machine: machine.Unknown, Spent: c.spent})
		if got := planned(d.Orders); got != c.want || !slices.Equal(d.Holds, c.holds) {
			t.Errorf("%s: %s, %+v; want %s, %+v", what, got, d.Holds, c.want, c.holds)
		}
	}
}

// sums is a plane that only has what was spent.
type sums struct {
	Store
	since string
	beads []string
	all   []spending.Sum
}

func (s *sums) Spending(_ context.Context, since string, beads ...string) ([]spending.Sum, error) {
	s.since, s.beads = since, beads
	return s.all, nil
}

// Only what budgets need is read, and nothing without a budget or a queue.
func TestWhatBudgetsRead(t *testing.T) {
	prices, err := spending.ParsePrices([]byte("prices: [{model: m, input: 1, output: 1}]"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2031, 3, 12, 12, 0, 0, 0, time.UTC)
	w := operational.Work{Queue: []operational.Waiting{waits("web", "w1", 1, 2)}}
	for what, c := range map[string]struct {
		limits spending.Limits
		since  string
		beads  []string
		town   string
	}{
		"none":        {spending.Limits{}, "unread", nil, ""},
		"a bead":      {spending.Limits{Bead: spending.Limit{Dollars: 1}}, "2031-03-12", []string{"w1"}, ""},
		"both":        {spending.Limits{Bead: spending.Limit{Dollars: 1}, Rig: spending.Limit{Dollars: 1, Period: spending.PerWeek}}, "2031-03-10", []string{"w1"}, ""},
		"a day":       {spending.Limits{Bead: spending.Limit{Dollars: 1, Period: spending.PerDay}}, "2031-03-12", nil, ""},
		"all reached": {spending.Limits{Town: spending.Limit{Dollars: 3}}, "", nil, "the Town spent $3.00 of its budget of $3.00"},
	} {
		rows := &sums{since: "unread", all: []spending.Sum{{Agent: town.PolecatAddress("web", "nux"), Bead: "w1", Day: "2031-03-12", Model: "m", Usage: spending.Usage{Input: 3e6}}}}
		got, err := Budget{c.limits, prices}.spent(t.Context(), rows, w, now)
		if err != nil || rows.since != c.since || !slices.Equal(rows.beads, c.beads) || got.Town != c.town {
			t.Errorf("%s: %+v, %v, read since %q and %q", what, got, err, rows.since, rows.beads)
		}
		if c.limits.Bead.Dollars > 0 && got.Beads["w1"] == "" {
			t.Errorf("%s: %+v", what, got)
		}
	}
	rows := &sums{since: "unread"}
	if _, err := (Budget{spending.Limits{Town: spending.Limit{Dollars: 3}}, prices}).spent(t.Context(), rows, operational.Work{}, now); err != nil || rows.since != "unread" {
		t.Errorf("with an empty queue: %v, read since %q", err, rows.since)
	}
}
