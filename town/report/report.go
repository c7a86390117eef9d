// Package report makes one page of how a Town performed: charts, figures with their
// thresholds, where time went, and what changed since the last report. The page is one
// HTML file without scripts that asks nothing of a network, so it opens anywhere and
// prints. Read asks for metrics; the rest are pure functions.
package report

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"gastown/town/analysis"
	"gastown/town/noise"
	"gastown/town/series"
)

// Steps of what is read.
const (
	// chartSteps is how many points a chart has at most.
	chartSteps = 240
	// sinceSteps is how many values of a figure are compared with the last report's.
	sinceSteps = 48
	// leastStep is the shortest time between two values.
	leastStep = 15 * time.Second
)

// Report is what the page shows.
type Report struct {
	Town string    `json:"town"`
	At   time.Time `json:"at"`
	From time.Time `json:"from"`
	// Recorded is how much of the time has figures, in seconds.
	Recorded float64             `json:"recorded_seconds"`
	Figures  []Figure            `json:"figures"`
	Analyses []analysis.Analysis `json:"analyses"`
	// Last is when the report before was made; zero without one. Changes compares it
	// with the time since.
	Last    time.Time `json:"last,omitzero"`
	Changes []Change  `json:"changes"`
	// Settings are changes of settings by gt autotune since the last report.
	Settings []Setting `json:"settings"`
}

// Figure is a key figure over the time.
type Figure struct {
	series.Figure
	// Thresholds are by severity. Above is the part of the time, from 0 to 1, in which the
	// figure was above the lowest of them.
	Thresholds map[string]float64 `json:"thresholds"`
	Above      float64            `json:"above"`
	// Values describe the means of the steps; nil without any. Most is the highest value.
	Values *noise.Summary `json:"values"`
	P95    float64        `json:"p95"`
	Most   float64        `json:"most"`

	step        time.Duration
	means, most []series.Point
	now         []float64 // since the last report
}

// Change compares a figure since the last report with the time before that.
type Change struct {
	Name   string        `json:"name"`
	Unit   string        `json:"unit"`
	Before noise.Summary `json:"before"`
	Now    noise.Summary `json:"now"`
	// Chance is the probability that the difference is chance; Differs that it is less
	// than noise.Level.
	Chance  float64 `json:"chance"`
	Differs bool    `json:"differs"`
}

// Setting is a change of a setting.
type Setting struct {
	At      time.Time `json:"at"`
	Key     string    `json:"key"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Why     string    `json:"why"`
	Outcome string    `json:"outcome"`
}

// Read reads the key figures of the time from since to now. last is when the report
// before was made.
func Read(ctx context.Context, from analysis.Source, since, now, last time.Time, rules []byte) ([]Figure, error) {
	limits := series.Thresholds(rules)
	step := stepOf(now.Sub(since), chartSteps)
	lately := stepOf(now.Sub(last), sinceSteps)
	var all []Figure
	for _, key := range series.Figures {
		f := Figure{Figure: key, Thresholds: limits[key.Name], step: step}
		w := series.Window{From: since.Add(step), To: now, Step: step}
		var err error
		if f.means, err = points(ctx, from, "avg_over_time", key.Name, w); err == nil {
			f.most, err = points(ctx, from, "max_over_time", key.Name, w)
		}
		if err == nil && !last.IsZero() && last.Before(now) {
			var after []series.Point
			after, err = points(ctx, from, "avg_over_time", key.Name, series.Window{From: last.Add(lately), To: now, Step: lately})
			f.now = valuesOf(after)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", key.Name, err)
		}
		f.judge()
		all = append(all, f)
	}
	return all, nil
}

func stepOf(d time.Duration, steps int) time.Duration {
	return max(leastStep, (d / time.Duration(steps)).Truncate(time.Second))
}

// points reads one figure.
func points(ctx context.Context, from analysis.Source, of, name string, w series.Window) (all []series.Point, err error) {
	if w.To.Before(w.From) {
		return nil, nil
	}
	w.From = w.To.Add(-(w.To.Sub(w.From) / w.Step) * w.Step) // the last step is the newest
	lines, err := from.Range(ctx, fmt.Sprintf("max(%s(%s[%ds]))", of, name, int(max(w.Step, time.Minute).Seconds())), w)
	for _, l := range lines {
		for _, p := range l.Points {
			if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
				all = append(all, p)
			}
		}
	}
	return all, err
}

func valuesOf(points []series.Point) (all []float64) {
	for _, p := range points {
		all = append(all, p.Value)
	}
	return all
}

// judge computes what the table shows.
func (f *Figure) judge() {
	if len(f.means) == 0 {
		return
	}
	means, most := valuesOf(f.means), valuesOf(f.most)
	s := noise.Summarize(means)
	f.Values = &s
	sorted := slices.Sorted(slices.Values(means))
	f.P95 = sorted[int(.95*float64(len(sorted)-1)+.5)]
	if len(most) > 0 {
		f.Most = slices.Max(most)
	}
	if limit, there := f.lowest(); there {
		above := 0
		for _, v := range most {
			if v > limit {
				above++
			}
		}
		f.Above = float64(above) / float64(max(len(most), 1))
	}
}

// lowest is the lowest threshold.
func (f Figure) lowest() (limit float64, there bool) {
	for _, v := range f.Thresholds {
		if !there || v < limit {
			limit, there = v, true
		}
	}
	return limit, there
}

// Note is what a report leaves for the next one.
type Note struct {
	At time.Time `json:"at"`
	// Figures are the values of each figure over the report's time.
	Figures map[string][]float64 `json:"figures"`
}

// NoteOf is the note of a report.
func NoteOf(at time.Time, figures []Figure) Note {
	n := Note{At: at, Figures: map[string][]float64{}}
	for _, f := range figures {
		if len(f.means) > 0 {
			n.Figures[f.Name] = valuesOf(f.means)
		}
	}
	return n
}

// Compare says which figures differ from the last report's. It leaves out those with too
// few values on one side.
func Compare(last Note, figures []Figure) []Change {
	all := []Change{}
	for _, f := range figures {
		before := last.Figures[f.Name]
		if len(before) < noise.Fewest || len(f.now) < noise.Fewest {
			continue
		}
		before = before[:min(len(before), 10*chartSteps)] // the file may have been changed
		p := noise.Chance(before, f.now)
		all = append(all, Change{Name: f.Name, Unit: f.Unit, Before: noise.Summarize(before), Now: noise.Summarize(f.now), Chance: p, Differs: p < noise.Level})
	}
	return all
}
