package metrics

import (
	"context"
	"time"

	"github.com/prometheus/common/model"

	"gastown/cmd/internal/figures"
	"gastown/cmd/internal/shell"
	"gastown/deacon/control"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/series"
)

// options are the options of both groups.
type options struct {
	call                            *shell.Call
	expr, since, step, format, kind string
	value                           string
	write                           bool
}

// question is what was asked for.
func (o *options) question() (q control.Question, err error) {
	q.Expr = o.expr
	for _, d := range []struct {
		name, text string
		into       *time.Duration
	}{{"since", o.since, &q.Since}, {"step", o.step, &q.Step}} {
		if d.text == "" {
			continue
		}
		value, err := model.ParseDuration(d.text)
		if err != nil || value <= 0 {
			return q, town.Fail("read --"+d.name, "give a duration such as 90m, 6h or 7d", "%w: %q is not a duration", town.ErrUsage, town.Clip(d.text, 40))
		}
		*d.into = time.Duration(value)
	}
	switch {
	case q.Step > 0 && q.Since == 0:
		return q, town.Fail("read --step", "give --since, too", "%w: --step is for a range of time", town.ErrUsage)
	case q.Since > 0 && q.Step == 0:
		q.Step = series.Last(q.Since, time.Time{}).Step
	}
	return q, nil
}

// ask answers a question, by the Deacon or from the files that one left.
func (o *options) ask(ctx context.Context, q control.Question) (lines []series.Line, err error) {
	err = o.from(ctx, "ask for figures", func(ctx context.Context, c *control.Client) error {
		lines, err = c.Figures(ctx, q)
		return err
	}, func(f *series.File, _ layout.Town) error {
		at := o.call.Now()
		if q.Since > 0 {
			lines, err = f.Range(ctx, q.Expr, series.Window{From: at.Add(-q.Since), To: at, Step: q.Step})
		} else {
			lines, err = f.At(ctx, q.Expr, at)
		}
		return err
	})
	return lines, err
}

// from calls live with the Deacon, or left with the files of figures when none runs.
func (o *options) from(ctx context.Context, op string, live func(context.Context, *control.Client) error, left func(*series.File, layout.Town) error) error {
	return figures.From(ctx, o.call, op, live, left)
}
