package benchmark

import (
	"fmt"
	"slices"
	"time"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/cmd/internal/term"
	"gastown/town/noise"
)

// print prints the scenario table, and below it the figures of each scenario.
func (r Result) print(p *term.Printer) {
	p.Line("gt benchmark --type=%s, each figure %s", r.Type, times(r.Runs))
	p.Line("")
	var rows [][]string
	for _, size := range trial.Sizes {
		row := []string{size.Name, size.PolecatsRange, size.ConvoysRange, "< " + duration(milliseconds(size.Limit)), "-", "-", "-", "not measured"}
		if i := slices.IndexFunc(r.Scenarios, func(s Scenario) bool { return s.Name == size.Name }); i >= 0 {
			s := r.Scenarios[i]
			row[1], row[2] = itoa(s.Polecats)+" of "+row[1], itoa(s.Convoys)+" of "+row[2]
			if s.Response > 0 {
				row[4], row[7] = duration(s.Response), verdict(s.Kept)+": "+s.Slowest
			}
			if s.Counted {
				row[5], row[6] = itoa(s.Processes), itoa(s.Queries)
			}
		}
		rows = append(rows, row)
	}
	p.Table([]string{"SCENARIO", "POLECATS", "CONVOYS", "LIMIT", "SLOWEST", "PROCESSES", "QUERIES", ""}, rows)
	for _, s := range r.Scenarios {
		p.Line("")
		agents := "rows only"
		if s.Real {
			agents = "scripted agents in tmux"
		}
		p.Line("%s: %d polecats (%s), %d convoys", s.Name, s.Polecats, agents, s.Convoys)
		if s.Less != "" {
			p.Styled(term.Bad, "  %s", s.Less)
		}
		rows = nil
		for _, f := range s.Figures {
			healthy, kept := "", ""
			if f.Healthy > 0 {
				healthy, kept = "< "+f.value(f.Healthy), verdict(f.Kept)
			}
			rows = append(rows, []string{f.value(f.Median), spread(f), itoa(f.N), healthy, kept, f.Name})
		}
		if len(rows) > 0 {
			p.Table([]string{"MEDIAN", "QUARTILES", "RUNS", "HEALTHY", "", "FIGURE"}, rows)
		}
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return itoa(n) + " times"
}

func verdict(kept bool) string {
	if kept {
		return "kept"
	}
	return "over"
}

// value is a quantity of the figure's unit.
func (f Figure) value(v float64) string {
	if f.counted() {
		return fmt.Sprintf("%.0f", v)
	}
	return duration(v)
}

// duration is a number of milliseconds for people.
func duration(ms float64) string {
	switch {
	case ms >= 1e3:
		return trimmed(ms/1e3) + " s"
	case ms >= 1:
		return trimmed(ms) + " ms"
	}
	return trimmed(ms*1e3) + " us"
}

// trimmed is a number with at most three digits, without a useless fraction.
func trimmed(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func spread(f Figure) string {
	if f.N < 2 {
		return ""
	}
	return f.value(f.Low) + " to " + f.value(f.High)
}

// print prints a comparison.
func (c Comparison) print(p *term.Printer) {
	p.Line("before: %s", c.Before)
	p.Line("after:  %s", c.After)
	for _, s := range c.Scenarios {
		p.Line("")
		p.Line("%s, %s", c.Type, s.Name)
		for _, note := range s.Notes {
			p.Styled(term.Bad, "  %s", note)
		}
		var rows [][]string
		for _, d := range s.Figures {
			before, after := Figure{Unit: d.Unit, Summary: d.Before}, Figure{Unit: d.Unit, Summary: d.After}
			rows = append(rows, []string{before.value(d.Before.Median), spread(before), after.value(d.After.Median), spread(after), change(d), chance(d), d.Verdict, d.Name})
		}
		p.Table([]string{"BEFORE", "QUARTILES", "AFTER", "QUARTILES", "CHANGE", "CHANCE", "", "FIGURE"}, rows)
	}
	p.Line("")
	p.Line("CHANCE is how likely noise alone makes such a difference; below %g it counts as more than noise.", noise.Level)
}

func change(d Difference) string {
	if d.Before.Median <= 0 {
		return "-"
	}
	return fmt.Sprintf("%+.0f %%", d.Change*100)
}

func chance(d Difference) string {
	if d.Chance == nil {
		return "-"
	}
	if *d.Chance < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", *d.Chance)
}

// at is when a result was measured.
func at(t time.Time) string { return t.UTC().Format(time.DateTime) }
