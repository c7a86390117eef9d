package metrics

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/cmd/internal/term"
	"gastown/deacon/control"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/series"
)

// board is what gt metrics show prints.
type board struct {
	// Running is false when no Deacon runs, and the figures are those that one left.
	Running bool         `json:"running"`
	At      time.Time    `json:"at"`
	Figures []series.Row `json:"figures"`
}

func (o *options) show(ctx context.Context) error {
	b := board{Running: true, At: o.call.Now().UTC()}
	err := o.from(ctx, "show the figures", func(ctx context.Context, c *control.Client) (err error) {
		b.Figures, err = c.FigureBoard(ctx)
		return err
	}, func(f *series.File, t layout.Town) error {
		rules, err := series.ReadRules(t.Rules())
		if err != nil {
			return err
		}
		b.Running = false
		b.Figures, err = f.Board(ctx, rules, b.At)
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(b, func(p *term.Printer) {
		var rows [][]string
		for _, r := range b.Figures {
			rows = append(rows, []string{r.Name, figure(r.Unit, r.Value), r.State, limit(r, "warning"), limit(r, "error"), limit(r, "critical"), spark(r.Past), r.Help})
		}
		p.Table([]string{"FIGURE", "NOW", "STATE", "WARNING", "ERROR", "CRITICAL", "LAST HOUR", ""}, rows)
		if !b.Running {
			p.Line("")
			p.Line("No Deacon runs: these are the figures that the last one recorded.")
		}
	})
}

// figure prints a value with its unit.
func figure(unit string, v *float64) string {
	switch {
	case v == nil:
		return "-"
	case unit == series.UnitSeconds && *v < 1:
		return strconv.FormatFloat(*v*1000, 'g', 3, 64) + " ms"
	case unit == series.UnitSeconds:
		return strconv.FormatFloat(*v, 'g', 3, 64) + " s"
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

func limit(r series.Row, severity string) string {
	v, there := r.Thresholds[severity]
	if !there {
		return ""
	}
	return "> " + figure(r.Unit, &v)
}

// sparks are the heights of a sparkline.
const sparks = "▁▂▃▄▅▆▇█"

// sparkWidth is how many characters a sparkline has.
const sparkWidth = 20

// spark draws values, each character the highest of some; a gap is a space. The line begins
// at 0.
func spark(past []*float64) string {
	if len(past) == 0 {
		return ""
	}
	high := 0.0
	heights := []rune(sparks)
	columns := make([]*float64, sparkWidth)
	for i, v := range past {
		c := &columns[i*sparkWidth/len(past)]
		if v != nil {
			high = max(high, *v)
			if *c == nil || **c < *v {
				*c = v
			}
		}
	}
	var line strings.Builder
	for _, v := range columns {
		switch {
		case v == nil:
			line.WriteRune(' ')
		case high <= 0:
			line.WriteRune(heights[0])
		default:
			line.WriteRune(heights[min(max(int(*v/high*float64(len(heights)-1)+.5), 0), len(heights)-1)])
		}
	}
	return line.String()
}

func (o *options) query(ctx context.Context) error {
	q, err := o.question()
	if err != nil {
		return err
	}
	lines, err := o.ask(ctx, q)
	if err != nil {
		return err
	}
	return o.call.Show(lines, func(p *term.Printer) {
		if len(lines) == 0 {
			p.Line("nothing has such a value")
			return
		}
		var rows [][]string
		for _, l := range lines {
			row := []string{named(l.Labels), number(l.Last())}
			if q.Since > 0 {
				low, high := l.Points[0].Value, l.Points[0].Value
				past := make([]*float64, int(q.Since/q.Step)+1)
				begin := l.Points[len(l.Points)-1].At.Add(-q.Since)
				for _, point := range l.Points {
					low, high = min(low, point.Value), max(high, point.Value)
					if i := int(point.At.Sub(begin) / q.Step); i >= 0 && i < len(past) {
						past[i] = &point.Value
					}
				}
				row = append(row, number(low), number(high), spark(past))
			}
			rows = append(rows, row)
		}
		header := []string{"SERIES", "VALUE"}
		if q.Since > 0 {
			header = []string{"SERIES", "LAST", "LOWEST", "HIGHEST", "LAST " + o.since}
		}
		p.Table(header, rows)
	})
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// named writes a series as PromQL does.
func named(labels map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if name != "__name__" {
			list = append(list, fmt.Sprintf("%s=%q", name, labels[name]))
		}
	}
	text := labels["__name__"]
	if len(list) > 0 || text == "" {
		text += "{" + strings.Join(list, ", ") + "}"
	}
	return text
}

func (o *options) export(ctx context.Context) error {
	if o.format == "prometheus" && !o.call.JSON {
		if o.expr+o.since+o.step != "" {
			return town.Fail("export metrics", "use --format=json or --format=csv", "%w: an expression and a range are for json and csv", town.ErrUsage)
		}
		return o.from(ctx, "export metrics", func(ctx context.Context, c *control.Client) error {
			text, err := c.Exposition(ctx)
			if err == nil {
				_, err = o.call.Stdout.Write([]byte(text))
			}
			return err
		}, nil)
	}
	o.expr = cmp.Or(o.expr, `{__name__=~".+"}`)
	q, err := o.question()
	if err != nil {
		return err
	}
	lines, err := o.ask(ctx, q)
	if err != nil {
		return err
	}
	if o.format != "csv" {
		o.call.JSON = true
		return o.call.Show(lines, nil)
	}
	w := csv.NewWriter(o.call.Stdout)
	_ = w.Write([]string{"series", "time", "value"}) // Flush has the error
	for _, l := range lines {
		for _, p := range l.Points {
			_ = w.Write([]string{named(l.Labels), p.At.Format(time.RFC3339), strconv.FormatFloat(p.Value, 'g', -1, 64)})
		}
	}
	w.Flush()
	return w.Error()
}
