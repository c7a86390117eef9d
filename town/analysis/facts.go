package analysis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/town/noise"
	"gastown/town/series"
)

// Source answers questions in PromQL over a range of time; series.Reader is one.
type Source interface {
	Range(ctx context.Context, expr string, w series.Window) ([]series.Line, error)
}

// start is the metric that tells when the Deacon recorded figures, and since when it
// runs.
const start = "gt_deacon_start_time_seconds"

// family is a metric to read: the sum of its series by some labels.
type family struct {
	name string
	by   string // comma-separated labels; "" for none
}

func (f family) expr() string { return fmt.Sprintf("sum by (%s) (%s)", f.by, f.name) }

// Facts are the metrics of a range of time.
type Facts struct {
	// From and To bound the range; From is no earlier than the first figure in it.
	From, To time.Time
	Step     time.Duration
	// Recorded is how much of the range has figures: 0 if there are none.
	Recorded time.Duration

	began map[int64]float64 // the Deacon's start, in Unix seconds, by the time of a step in milliseconds
	lines map[string][]series.Line
}

// Read asks for the metrics that types of analyses need, of the time from since to now,
// in one question for each metric.
func Read(ctx context.Context, from Source, since, now time.Time, types ...Type) (Facts, error) {
	f, err := cover(ctx, from, since, now)
	if err != nil || f.Recorded == 0 {
		return f, err
	}
	for _, t := range types {
		for _, one := range topics[t].families {
			if _, known := f.lines[one.name]; known {
				continue
			}
			if f.lines[one.name], err = from.Range(ctx, one.expr(), f.window()); err != nil {
				return f, fmt.Errorf("read %s: %w", one.name, err)
			}
		}
	}
	return f, nil
}

func (f Facts) window() series.Window { return series.Window{From: f.From, To: f.To, Step: f.Step} }

// cover finds out which part of a range has figures, first coarsely, then with the steps
// of the part. The last step is now, so that the newest figures count.
func cover(ctx context.Context, from Source, since, now time.Time) (f Facts, err error) {
	f = Facts{From: since, To: now, lines: map[string][]series.Line{}}
	for range 3 {
		d := now.Sub(f.From)
		f.Step, f.Recorded, f.began = series.Last(d, now).Step, 0, map[int64]float64{}
		f.From = now.Add(-((d + f.Step - 1) / f.Step) * f.Step)
		found, err := from.Range(ctx, "max("+start+")", f.window())
		if err != nil {
			return f, err
		}
		if len(found) == 0 || len(found[0].Points) == 0 {
			f.Recorded = 0
			return f, nil
		}
		points := found[0].Points
		for _, p := range points {
			f.began[p.At.UnixMilli()] = p.Value
		}
		f.Recorded = min(time.Duration(len(points))*f.Step, now.Sub(f.From))
		if first := points[0].At.Add(-f.Step); first.After(f.From) {
			f.From = first
		}
	}
	return f, nil
}

// counters are how much the counters of a metric grew, by the values of its labels joined
// by a space. A counter that became less began anew at zero. One that began within the
// range counts whole.
func (f Facts) counters(name string) map[string]float64 {
	all := map[string]float64{}
	for _, l := range f.lines[name] {
		all[key(l.Labels)] += f.growth(l.Points)
	}
	return all
}

// total is how much all counters of a metric grew.
func (f Facts) total(name string) (sum float64) {
	for _, v := range f.counters(name) {
		sum += v
	}
	return sum
}

// growth is how much a counter grew.
func (f Facts) growth(points []series.Point) (sum float64) {
	for i, p := range points {
		switch {
		case i > 0 && p.Value >= points[i-1].Value:
			sum += p.Value - points[i-1].Value
		case i > 0 || f.fresh(p.At):
			sum += p.Value
		}
	}
	return sum
}

// fresh reports whether a counter that is seen first at a time began in the range: it was
// not there at the step before, or its Deacon started in the range.
func (f Facts) fresh(at time.Time) bool {
	if _, recorded := f.began[at.Add(-f.Step).UnixMilli()]; recorded {
		return true
	}
	return f.began[at.UnixMilli()] >= float64(f.From.Unix())
}

// values are those of a gauge at all steps at which it had one.
func (f Facts) values(name string) (all []float64) {
	for _, l := range f.lines[name] {
		for _, p := range l.Points {
			if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
				all = append(all, p.Value)
			}
		}
	}
	return all
}

// spread describes the values of a gauge; nil without any.
func (f Facts) spread(name string) *Spread {
	all := f.values(name)
	if len(all) == 0 {
		return nil
	}
	return &Spread{Summary: noise.Summarize(all), P95: noise.Quantile(all, .95), Most: slices.Max(all), Last: all[len(all)-1]}
}

// histogram describes what a histogram counted.
func (f Facts) histogram(name string) *Timing {
	buckets := map[float64]float64{}
	for le, n := range f.counters(name + "_bucket") {
		if bound, err := strconv.ParseFloat(le, 64); err == nil {
			buckets[bound] = n
		}
	}
	n := buckets[math.Inf(1)]
	if n < 1 {
		return nil
	}
	bounds := make([]float64, 0, len(buckets))
	for b := range buckets {
		bounds = append(bounds, b)
	}
	slices.Sort(bounds)
	at := func(q float64) float64 {
		low, below := 0.0, 0.0
		for _, b := range bounds {
			if buckets[b] >= q*n {
				if math.IsInf(b, 1) {
					return low
				}
				return low + (b-low)*(q*n-below)/max(buckets[b]-below, 1)
			}
			low, below = b, buckets[b]
		}
		return low
	}
	return &Timing{Count: n, Seconds: f.total(name + "_sum"), Median: at(.5), P95: at(.95)}
}

// timed are the families of a histogram.
func timed(name string) []family {
	return []family{{name + "_bucket", "le"}, {name + "_sum", ""}}
}

// key joins the values of labels in the order of their names.
func key(labels map[string]string) string {
	names := make([]string, 0, len(labels))
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = labels[name]
	}
	return strings.Join(names, " ")
}
