package analyze

import (
	"fmt"
	"strconv"

	"gastown/cmd/internal/term"
	"gastown/town/analysis"
)

// titles head the lists of costs, by kind.
var titles = []struct{ kind, title string }{
	{analysis.Statement, "STATEMENT"}, {analysis.Command, "COMMAND"}, {analysis.Job, "JOB"}, {analysis.Check, "CHECK"},
}

func (o *options) show(a analysis.Analysis) error {
	return o.call.Show(a, func(p *term.Printer) {
		p.Line("%s, since %s: figures of %s", a.Type, a.From.UTC().Format("2006-01-02 15:04 MST"), analysis.Seconds(a.Recorded))
		for _, m := range a.Missing {
			p.Wrapped(term.Warn, "no figures: ", m)
		}
		if len(a.Figures) > 0 {
			var rows [][]string
			for _, f := range a.Figures {
				warning := ""
				if f.Warning > 0 {
					warning = "> " + value(f.Unit, f.Warning)
				}
				rows = append(rows, []string{f.Name, value(f.Unit, f.Median), value(f.Unit, f.P95), warning})
			}
			p.Line("")
			p.Table([]string{"FIGURE", "MEDIAN", "95TH PERCENTILE", "WARNING"}, rows)
		}
		for _, t := range titles {
			costs(p, t.kind, t.title, a.Costs)
		}
		waits(p, a.Waits)
		advice(p, a)
	})
}

func costs(p *term.Printer, kind, title string, all []analysis.Cost) {
	var rows [][]string
	for _, c := range all {
		if c.Kind == kind {
			if kind == analysis.Statement && c.Name == analysis.Other {
				c.Name = "(others, each of less than 1 s in all, or beyond the longest)"
			}
			rows = append(rows, []string{analysis.Seconds(c.Seconds), strconv.FormatFloat(100*c.Share, 'f', 0, 64) + " %",
				strconv.FormatFloat(c.Runs, 'f', 0, 64), analysis.Seconds(c.Mean()), c.Name})
		}
	}
	if len(rows) > 0 {
		p.Line("")
		p.Table([]string{"TIME", "SHARE", "RUNS", "EACH", title}, rows)
	}
}

func waits(p *term.Printer, all []analysis.Wait) {
	p.Line("")
	if len(all) == 0 {
		p.Line("Nothing is known to have waited.")
		return
	}
	var rows [][]string
	for _, w := range all {
		count, when := "", "in all"
		if w.Count > 0 {
			count = strconv.FormatFloat(w.Count, 'f', 0, 64)
		}
		if w.Now {
			when = "now, the longest"
		}
		rows = append(rows, []string{analysis.Seconds(w.Seconds), when, count, w.What, w.Cause})
	}
	p.Table([]string{"WAITED", "", "COUNT", "WHAT", "FOR"}, rows)
}

func advice(p *term.Printer, a analysis.Analysis) {
	p.Line("")
	if len(a.Advice) == 0 {
		if a.Recorded > 0 {
			p.Line("Nothing that would help is known.")
		}
		return
	}
	p.Line("What would help:")
	for i, one := range a.Advice {
		p.Wrapped(term.Head, fmt.Sprintf("%d. ", i+1), one.Do)
		p.Wrapped(term.Dim, "   ", one.Why)
		p.Wrapped(term.Dim, "   because ", one.Figure)
	}
}

func value(unit string, v float64) string {
	if unit == "seconds" {
		return analysis.Seconds(v)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
