package report

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/town/analysis"
	"gastown/town/noise"
	"gastown/town/series"
)

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

// wave answers every question about mail_backlog with a value that the time decides.
type wave struct{ at func(time.Time) float64 }

func (s wave) Range(_ context.Context, expr string, w series.Window) ([]series.Line, error) {
	if !strings.Contains(expr, "(mail_backlog[") {
		return nil, nil
	}
	l := series.Line{}
	for t := w.From; !t.After(w.To); t = t.Add(w.Step) {
		v := s.at(t)
		if strings.Contains(expr, "max_over_time") {
			v += 20
		}
		l.Points = append(l.Points, series.Point{At: t, Value: v})
	}
	return []series.Line{l}, nil
}

func figure(t *testing.T, s analysis.Source, last time.Time) []Figure {
	t.Helper()
	all, err := Read(t.Context(), s, noon.Add(-15*24*time.Hour), noon, last, series.DefaultRules)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The time since the last report is compared with the time before it, by more than noise.
func TestCompare(t *testing.T) {
	last := noon.Add(-24 * time.Hour)
	wobble := func(t time.Time) float64 { return float64(t.Unix()/60%7) / 7 }
	before := NoteOf(last, figure(t, wave{func(t time.Time) float64 { return 10 + wobble(t) }}, time.Time{}))
	for _, test := range []struct {
		now     float64
		differs bool
	}{{10, false}, {12, true}, {8, true}} {
		changes := Compare(before, figure(t, wave{func(t time.Time) float64 { return test.now + wobble(t) }}, last))
		if len(changes) != 1 || changes[0].Name != "mail_backlog" || changes[0].Differs != test.differs {
			t.Errorf("%v: %+v", test.now, changes)
		}
	}
	// A minute later there is too little to compare, and that is no change.
	if changes := Compare(before, figure(t, wave{func(time.Time) float64 { return 99 }}, noon.Add(-time.Minute))); len(changes) != 0 {
		t.Errorf("%+v", changes)
	}
}

func TestFigure(t *testing.T) {
	for _, f := range figure(t, wave{func(time.Time) float64 { return 40 }}, time.Time{}) {
		switch {
		case f.Name != "mail_backlog":
			if f.Values != nil {
				t.Errorf("%s has values", f.Name)
			}
		case f.Values == nil || f.Values.Median != 40 || f.Most != 60 || f.Above != 1 || f.Thresholds["warning"] != 50:
			t.Errorf("%+v", f)
		}
	}
}

// page is a report of a Town in which agents chose hostile names.
func hostile(t *testing.T, s analysis.Source) Report {
	const evil = "</code><script>alert(1)</script>\x1b[31m\u202e"
	return Report{
		Town: evil, At: noon, From: noon.Add(-15 * 24 * time.Hour), Recorded: 3600, Figures: figure(t, s, time.Time{}), Last: noon.Add(-time.Hour),
		Changes: []Change{{Name: "dolt_latency", Unit: series.UnitSeconds, Before: noise.Summary{Median: .001}, Now: noise.Summary{Median: .02}, Differs: true}},
		Analyses: []analysis.Analysis{{Type: analysis.Mail, Missing: []string{evil}, Costs: []analysis.Cost{{Kind: analysis.Statement, Name: evil, Runs: 2, Seconds: 3, Share: 1}},
			Waits: []analysis.Wait{{Cause: evil, What: evil, Seconds: 3}}, Advice: []analysis.Advice{{Do: evil, Why: evil, Figure: evil}}}},
		Settings: []Setting{{At: noon, Key: "dolt.max_open_conns", From: "25", To: "38", Why: evil, Outcome: "kept"}},
	}
}

// The page is well formed, has no script, names no other place, and what agents chose
// stays text.
func TestPage(t *testing.T) {
	var out bytes.Buffer
	if err := Write(&out, hostile(t, wave{func(t time.Time) float64 { return 10 + 5*math.Sin(float64(t.Unix())/1e5) }})); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{Mark, "prefers-color-scheme: dark", "@media print", "<svg viewBox", `class="limit warning"`, "&lt;script&gt;", "20 ms", "38", "default-src 'none'"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if found := regexp.MustCompile(`(?i)<script|(src|href|action)=|https?:|url\(|@import|\x1b`).FindString(text); found != "" {
		t.Errorf("the page has %q", found)
	}
	balanced(t, text)
}

// balanced reads the body as XML, in which every element must end.
func balanced(t *testing.T, text string) {
	t.Helper()
	body := text[strings.Index(text, "<body>") : strings.Index(text, "</body>")+len("</body>")]
	d := xml.NewDecoder(strings.NewReader(body))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// A page without figures says so.
func TestEmptyPage(t *testing.T) {
	var out bytes.Buffer
	if err := Write(&out, Report{Town: "harbour", At: noon, From: noon.Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"No figures were recorded", "This is the first report"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the page has no %q", want)
		}
	}
	balanced(t, out.String())
}

// Whatever the values, a chart stays within its picture.
func TestChartsStayInside(t *testing.T) {
	coordinate := regexp.MustCompile(`-?[0-9.]+`)
	rapid.Check(t, func(t *rapid.T) {
		step := time.Minute
		from := noon.Add(-100 * step)
		f := Figure{Figure: series.Figures[0], step: step, Thresholds: map[string]float64{"warning": rapid.Float64Range(0, 100).Draw(t, "warning")}}
		for i := range 100 {
			if rapid.IntRange(0, 5).Draw(t, "gap") == 0 {
				continue
			}
			at := from.Add(time.Duration(i) * step)
			v := rapid.Float64Range(0, 1e9).Draw(t, "value")
			f.means = append(f.means, series.Point{At: at, Value: v})
			f.most = append(f.most, series.Point{At: at, Value: v * 1.5})
		}
		f.judge()
		c := draw(f, from, noon)
		for _, d := range []string{c.Line, c.Area} {
			if strings.Contains(d, "NaN") || strings.Contains(d, "Inf") {
				t.Fatal(d)
			}
		}
		for i, word := range coordinate.FindAllString(strings.ReplaceAll(c.Area, "Z", " "), -1) {
			v, limit := parse(t, word), width
			if i%2 == 1 {
				limit = height
			}
			if v < 0 || v > limit {
				t.Fatalf("%v in %s", v, c.Area)
			}
		}
		if len(c.Times) > 3*mostTimeLabels || len(c.Rows) > gridLines+1 {
			t.Fatalf("%d and %d labels", len(c.Times), len(c.Rows))
		}
	})
}

func parse(t *rapid.T, word string) float64 {
	v, err := strconv.ParseFloat(word, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
