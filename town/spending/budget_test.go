package spending

import (
	"slices"
	"testing"
	"time"

	"gastown/town"
)

func TestPeriods(t *testing.T) {
	for day, want := range map[string][3]string{
		"2031-03-10": {"2031-03-10", "2031-03-10", "2031-03-01"}, // a Monday
		"2031-03-16": {"2031-03-16", "2031-03-10", "2031-03-01"},
		"2031-03-01": {"2031-03-01", "2031-02-24", "2031-03-01"},
	} {
		now, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(23 * time.Hour).In(time.FixedZone("", 5*3600))
		got := [3]string{Limit{Period: PerDay}.Since(now), Limit{Period: PerWeek}.Since(now), Limit{Period: PerMonth}.Since(now)}
		if got != want || (Limit{}).Since(now) != "" {
			t.Errorf("%s: %v, want %v", day, got, want)
		}
	}
}

func TestJudge(t *testing.T) {
	prices, err := ParsePrices([]byte("prices: [{model: one, input: 1, output: 1}]"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2031, 3, 12, 12, 0, 0, 0, time.UTC)
	nux := town.PolecatAddress("web", "nux")
	// Each million tokens costs a dollar.
	sums := []Sum{
		{Agent: nux, Bead: "web-a1", Day: "2031-03-12", Model: "one", Usage: Usage{Input: 8e6}},
		{Agent: nux, Bead: "web-a1", Day: "2031-03-11", Model: "one", Usage: Usage{Output: 3e6}},
		{Agent: nux, Day: "2031-02-01", Model: "one", Usage: Usage{Input: 50e6}},
		{Bead: "", Day: "2031-03-12", Model: "one", Usage: Usage{Input: 1e6}},
		{Agent: nux, Bead: "web-b2", Day: "2031-03-12", Model: "other", Usage: Usage{Input: 99e6}},
	}
	for what, c := range map[string]struct {
		limits Limits
		want   []Verdict
	}{
		"none":             {Limits{}, nil},
		"a bead, all time": {Limits{Bead: Limit{11, ""}}, []Verdict{{OfBead, "web-a1", Limit{11, ""}, 11}}},
		"a bead, warned":   {Limits{Bead: Limit{10, PerDay}}, []Verdict{{OfBead, "web-a1", Limit{10, PerDay}, 8}}},
		"a bead, below":    {Limits{Bead: Limit{11, PerDay}}, nil},
		"a rig this month": {Limits{Rig: Limit{12, PerMonth}}, []Verdict{{OfRig, "web", Limit{12, PerMonth}, 11}}},
		"the Town today":   {Limits{Town: Limit{9, PerDay}}, []Verdict{{OfTown, "", Limit{9, PerDay}, 9}}},
		"the Town, ever":   {Limits{Town: Limit{62, ""}}, []Verdict{{OfTown, "", Limit{62, ""}, 62}}},
	} {
		got, unpriced := Judge(c.limits, sums, prices, now)
		if !slices.Equal(got, c.want) || !slices.Equal(unpriced, []string{"other"}) {
			t.Errorf("%s: %v, %v; want %v", what, got, unpriced, c.want)
		}
	}
	if v := (Verdict{OfRig, "web", Limit{10, PerWeek}, 8}); v.Reached() || v.String() != "rig web spent $8.00 of its budget of $10.00 a week" {
		t.Error(v)
	}
}
