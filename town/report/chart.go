package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/town/analysis"
	"gastown/town/series"
)

// The size of a chart, in units of its viewBox: the plot and the room for its labels.
const (
	width, height             = 640.0, 170.0
	left, right, top, bottom  = 58.0, 8.0, 8.0, 20.0
	plotWidth, plotHeight     = width - left - right, height - top - bottom
	gridLines, mostTimeLabels = 4, 6
)

// chart is what the page draws of a figure.
type chart struct {
	Figure
	Line, Area string // paths
	Rows       []tick
	Times      []tick
	Limits     []limit
	Text       string // what it shows, for those who do not see it
}

type tick struct {
	At   string // the coordinate
	Text string
}

type limit struct{ At, Severity, Text string }

// draw makes the chart of a figure over a range of time.
func draw(f Figure, from, to time.Time) chart {
	c := chart{Figure: f, Text: "no values"}
	if f.Values == nil {
		return c
	}
	high := f.Most
	if l, there := f.lowest(); there && l < 4*high {
		high = max(high, l) // a threshold that is near belongs into the picture
	}
	high = ceiling(high)
	x := func(t time.Time) float64 {
		return left + plotWidth*t.Sub(from).Seconds()/max(to.Sub(from).Seconds(), 1)
	}
	y := func(v float64) float64 { return top + plotHeight*(1-min(max(v/high, 0), 1)) }
	c.Line, c.Area = path(f.means, f.step, x, y), band(f.means, f.most, f.step, x, y)
	for i := range gridLines + 1 {
		v := high * float64(i) / gridLines
		c.Rows = append(c.Rows, tick{number(y(v)), Value(f.Unit, v)})
	}
	c.Times = times(from, to, x)
	for _, severity := range []string{"warning", "error", "critical"} {
		if v, there := f.Thresholds[severity]; there && v <= high {
			c.Limits = append(c.Limits, limit{number(y(v)), severity, severity + " above " + Value(f.Unit, v)})
		}
	}
	c.Text = fmt.Sprintf("median %s, 95th percentile %s, highest %s", Value(f.Unit, f.Values.Median), Value(f.Unit, f.P95), Value(f.Unit, f.Most))
	return c
}

// ceiling is a round number that is at least v: 1, 2, 2.5, 4, 5 or 8 times a power of ten.
func ceiling(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 2.5, 4, 5, 8, 10} {
		if n*power >= v*.9999 {
			return n * power
		}
	}
	return 10 * power
}

// pieces are the runs of points without a gap of more than two steps.
func pieces(points []series.Point, step time.Duration) (all [][]series.Point) {
	first := 0
	for i := 1; i <= len(points); i++ {
		if i == len(points) || points[i].At.Sub(points[i-1].At) > 2*step {
			all = append(all, points[first:i])
			first = i
		}
	}
	return all
}

// path is a line through points, with gaps where there are no values.
func path(points []series.Point, step time.Duration, x func(time.Time) float64, y func(float64) float64) string {
	var d strings.Builder
	for _, piece := range pieces(points, step) {
		trace(&d, piece, x, y)
		if len(piece) == 1 {
			d.WriteString("h1")
		}
	}
	return d.String()
}

// trace draws one piece of a line.
func trace(d *strings.Builder, piece []series.Point, x func(time.Time) float64, y func(float64) float64) {
	for i, p := range piece {
		sign := byte('L')
		if i == 0 {
			sign = 'M'
		}
		d.WriteByte(sign)
		d.WriteString(number(x(p.At)) + " " + number(y(p.Value)))
	}
}

// band is the area between the means and the highest values of the steps.
func band(means, most []series.Point, step time.Duration, x func(time.Time) float64, y func(float64) float64) string {
	low := map[int64]float64{}
	for _, p := range means {
		low[p.At.UnixMilli()] = p.Value
	}
	var d strings.Builder
	for _, piece := range pieces(most, step) {
		trace(&d, piece, x, y)
		for _, p := range slices.Backward(piece) {
			if v, there := low[p.At.UnixMilli()]; there {
				d.WriteString("L" + number(x(p.At)) + " " + number(y(v)))
			}
		}
		d.WriteByte('Z')
	}
	return d.String()
}

// times are the labels of the time.
func times(from, to time.Time, x func(time.Time) float64) (all []tick) {
	d := to.Sub(from)
	layout := "15:04"
	step := d
	for _, s := range []time.Duration{time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 12 * time.Hour,
		24 * time.Hour, 48 * time.Hour, 96 * time.Hour, 168 * time.Hour, 672 * time.Hour} {
		if step = s; d/s <= mostTimeLabels {
			break
		}
	}
	if step >= 12*time.Hour {
		layout = "2 Jan"
	}
	for t := from.UTC().Truncate(step).Add(step); t.Before(to) && len(all) < 3*mostTimeLabels; t = t.Add(step) {
		all = append(all, tick{number(x(t)), t.Format(layout)})
	}
	return all
}

// number writes a coordinate.
func number(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// Value writes a value with its unit.
func Value(unit string, v float64) string {
	if unit == series.UnitSeconds {
		return analysis.Seconds(v)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
