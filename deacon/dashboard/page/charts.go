package page

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"gastown/town"
)

// Chart is one chart: lines of one unit.
type Chart struct {
	ID    string  `json:"id"`
	Title string  `json:"title"`
	Unit  string  `json:"unit"`
	Lines []Line  `json:"-"`
	Limit float64 `json:"limit,omitempty"` // drawn as a line, 0 for none
}

// Line is one line of a chart. Expr is PromQL with one series as its answer; $w in it is a
// range that covers a step.
type Line struct {
	Name string
	Expr string
}

// chartList is what the page draws.
var chartList = []Chart{
	{ID: "polecats", Title: "Polecats", Lines: []Line{
		{"active", "sum(max_over_time(polecat_count[$w]))"}, {"stuck", "sum(max_over_time(polecat_stuck[$w]))"}}},
	{ID: "waiting", Title: "Waiting work", Lines: []Line{
		{"merge requests", "sum(max_over_time(merge_queue_depth[$w]))"}, {"queued beads", "sum(max_over_time(gt_queue_beads[$w]))"}}},
	{ID: "mail", Title: "Unread mail", Lines: []Line{{"messages", "sum(max_over_time(mail_backlog[$w]))"}}},
	{ID: "database", Title: "Database latency", Unit: "ms", Limit: 10, Lines: []Line{{"query", "1000 * max(max_over_time(dolt_latency[$w]))"}}},
	{ID: "times", Title: "How long things take", Unit: "s", Lines: []Line{
		{"start a polecat", "max(max_over_time(polecat_spawn_time[$w]))"}, {"deliver mail", "max(max_over_time(mail_latency[$w]))"},
		{"look at convoys", "max(max_over_time(convoy_refresh_time[$w]))"}, {"patrol", "max(max_over_time(patrol_time[$w]))"}}},
	{ID: "deacon", Title: "The Deacon", Unit: "% of a core", Lines: []Line{{"processor", "100 * sum(rate(process_cpu_seconds_total[$w]))"}}},
}

// span is a range of time that charts may show.
type span struct {
	Name, Label string
	last        time.Duration
	step        time.Duration
}

// spans are the ranges; the page begins with the first. Each has about 240 steps.
var spans = []span{
	{"hour", "Hour", time.Hour, 15 * time.Second},
	{"day", "Day", 24 * time.Hour, 6 * time.Minute},
	{"week", "Week", 7 * 24 * time.Hour, 42 * time.Minute},
}

// shortest is the shortest range that surely contains a figure.
const shortest = time.Minute

// charts answers each range once a step, whoever asks.
type charts struct {
	source Source
	now    func() time.Time
	ranges map[string]*drawn
}

// drawn is the last answer for a range.
type drawn struct {
	span
	mu    sync.Mutex
	until time.Time
	text  []byte
	bad   bool // it is not kept
	tried time.Time
}

func newCharts(s Source, now func() time.Time) *charts {
	c := &charts{source: s, now: now, ranges: map[string]*drawn{}}
	for _, s := range spans {
		c.ranges[s.Name] = &drawn{span: s}
	}
	return c
}

// chart answers with all charts of a range.
func (s *Server) chart(w http.ResponseWriter, r *http.Request) {
	d := s.charts.ranges[r.URL.Query().Get("range")]
	if d == nil {
		http.Error(w, "range is hour, day or week", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.charts.answer(r.Context(), d)) // an error means that the peer has gone
}

func (c *charts) answer(ctx context.Context, d *drawn) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := c.now()
	until := now.Truncate(d.step)
	if d.text != nil && (until.Equal(d.until) && !d.bad || d.bad && now.Sub(d.tried) < shortestPause && !now.Before(d.tried)) {
		return d.text
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	text, err := c.draw(ctx, d.span, until)
	if err != nil {
		why := "The figures cannot be read: " + town.Clip(town.Plain(err.Error()), 200)
		if errors.Is(err, ErrOff) {
			why = "Monitoring is off. To keep figures: gt monitor enable --type=performance"
		}
		line(&why, maxText)
		text = encode(map[string]string{"off": why})
	}
	d.text, d.until, d.bad, d.tried = text, until, err != nil, now
	return text
}

// shortestPause is the pause after an answer that failed.
const shortestPause = 5 * time.Second

// draw is the answer for a range that ends at a time. A line without any figure is left out.
func (c *charts) draw(ctx context.Context, s span, until time.Time) ([]byte, error) {
	from := until.Add(-s.last)
	steps := int(s.last/s.step) + 1
	var out []byte
	out = append(out, `{"from":`...)
	out = strconv.AppendInt(out, from.Unix(), 10)
	out = append(out, `,"step":`...)
	out = strconv.AppendFloat(out, s.step.Seconds(), 'g', -1, 64)
	out = append(out, `,"steps":`...)
	out = strconv.AppendInt(out, int64(steps), 10)
	out = append(out, `,"charts":[`...)
	window := max(s.step, shortest).String()
	for i, chart := range chartList {
		if i > 0 {
			out = append(out, ',')
		}
		text := encode(chart)
		out = append(out, text[:len(text)-1]...)
		out = append(out, `,"lines":[`...)
		first := true
		for _, l := range chart.Lines {
			points, err := c.source.Figures(ctx, strings.ReplaceAll(l.Expr, "$w", window), from, until, s.step)
			if err != nil {
				return nil, err
			}
			if len(points) == 0 {
				continue
			}
			if !first {
				out = append(out, ',')
			}
			first = false
			out = append(out, `{"name":`...)
			out = append(out, encode(l.Name)...)
			out = append(out, `,"values":[`...)
			out = appendValues(out, points, from, s.step, steps)
			out = append(out, "]}"...)
		}
		out = append(out, "]}"...)
	}
	return append(out, "]}"...), nil
}

// appendValues writes one value for each step: null where there is none.
func appendValues(out []byte, points []Point, from time.Time, step time.Duration, steps int) []byte {
	values := make([]float64, steps)
	for i := range values {
		values[i] = math.NaN()
	}
	for _, p := range points {
		if i := int(math.Round(float64(p.At.Sub(from)) / float64(step))); i >= 0 && i < steps {
			values[i] = p.Value
		}
	}
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out = append(out, "null"...)
		} else {
			out = strconv.AppendFloat(out, v, 'g', 4, 64)
		}
	}
	return out
}
