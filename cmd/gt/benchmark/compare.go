package benchmark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"gastown/town"
	"gastown/town/noise"
)

// The verdicts about a figure.
const (
	faster  = "faster"
	slower  = "slower"
	fewer   = "fewer"
	more    = "more"
	same    = "same"
	inNoise = "noise"
	tooFew  = "too few runs"
)

// Comparison is the result of gt benchmark compare.
type Comparison struct {
	Benchmark int                 `json:"benchmark"`
	Type      string              `json:"type"`
	Before    string              `json:"before"`
	After     string              `json:"after"`
	Scenarios []ComparedScenarios `json:"scenarios"`
	// Results are what was measured for the comparison; none when files were compared.
	Results []Result `json:"results,omitempty"`
}

// ComparedScenarios is one scenario that both results have.
type ComparedScenarios struct {
	Name string `json:"name"`
	// Notes say what makes the two not quite comparable.
	Notes   []string     `json:"notes,omitempty"`
	Figures []Difference `json:"figures"`
}

// Difference is one figure before and after.
type Difference struct {
	Name   string        `json:"name"`
	Unit   string        `json:"unit"`
	Before noise.Summary `json:"before"`
	After  noise.Summary `json:"after"`
	// Change is the change of the median, as a part of the one before.
	Change float64 `json:"change"`
	// Chance is the probability that noise alone makes such a difference; null for what
	// is counted, where there is no noise.
	Chance  *float64 `json:"chance"`
	Verdict string   `json:"verdict"`
}

// compare is gt benchmark compare.
func (o *options) compare(ctx context.Context) error {
	before, err := o.read(o.before)
	if err != nil {
		return err
	}
	after, err := o.read(o.after)
	if err != nil {
		return err
	}
	if before.result != nil && after.result != nil {
		c, err := compared(*before.result, *after.result)
		if err != nil {
			return err
		}
		c.Before, c.After = before.label(), after.label()
		return o.tell(c, c.print)
	}
	if before.result != nil || after.result != nil {
		return o.usage("give two results, or two files of settings", "one of %s and %s is a result, the other one has settings", before.path, after.path)
	}
	k, err := o.check()
	if err != nil {
		return err
	}
	a, b := o.begin(k, before.settings), o.begin(k, after.settings)
	for _, size := range o.sizes() {
		got, err := o.together(ctx, k, size, before.settings, after.settings)
		if err != nil {
			return explain(size, err)
		}
		a.Scenarios, b.Scenarios = append(a.Scenarios, got[0]), append(b.Scenarios, got[1])
	}
	c, err := compared(a, b)
	if err != nil {
		return err
	}
	c.Before, c.After, c.Results = before.label(), after.label(), []Result{a, b}
	return o.tell(c, c.print)
}

// compared compares what two results have in common.
func compared(before, after Result) (Comparison, error) {
	c := Comparison{Benchmark: format, Type: before.Type}
	if before.Type != after.Type {
		return c, town.Fail("compare", "measure both with the same --type", "%w: one is of the type %s, the other of %s",
			town.ErrUsage, town.Clip(town.Visible(before.Type), 40), town.Clip(town.Visible(after.Type), 40))
	}
	for _, b := range before.Scenarios {
		i := slices.IndexFunc(after.Scenarios, func(s Scenario) bool { return s.Name == b.Name })
		if i < 0 {
			continue
		}
		a := after.Scenarios[i]
		s := ComparedScenarios{Name: town.Visible(b.Name)}
		if b.Polecats != a.Polecats || b.Convoys != a.Convoys {
			s.Notes = append(s.Notes, fmt.Sprintf("not the same Town: %d polecats and %d convoys before, %d and %d after", b.Polecats, b.Convoys, a.Polecats, a.Convoys))
		}
		for what, less := range map[string]string{"before": b.Less, "after": a.Less} {
			if less != "" {
				s.Notes = append(s.Notes, what+": "+town.Visible(less))
			}
		}
		slices.Sort(s.Notes)
		for _, f := range b.Figures {
			i := slices.IndexFunc(a.Figures, func(g Figure) bool { return g.Name == f.Name && g.Unit == f.Unit })
			if i >= 0 && len(f.Samples) > 0 && len(a.Figures[i].Samples) > 0 {
				s.Figures = append(s.Figures, differ(f, a.Figures[i]))
			}
		}
		c.Scenarios = append(c.Scenarios, s)
	}
	if len(c.Scenarios) == 0 {
		return c, town.Fail("compare", "measure both with the same --scenario", "%w: the two results have no scenario in common", town.ErrUsage)
	}
	return c, nil
}

// differ judges one figure.
func differ(before, after Figure) Difference {
	d := Difference{
		Name: town.Visible(before.Name), Unit: before.Unit, Before: noise.Summarize(before.Samples), After: noise.Summarize(after.Samples), Verdict: same,
	}
	if d.Before.Median != 0 {
		d.Change = d.After.Median/d.Before.Median - 1
	}
	less, greater := faster, slower
	if before.counted() {
		less, greater = fewer, more
	} else {
		p := noise.Chance(before.Samples, after.Samples)
		d.Chance = &p
		switch {
		case min(d.Before.N, d.After.N) < noise.Fewest && p >= noise.Level:
			d.Verdict = tooFew
			return d
		case p >= noise.Level:
			d.Verdict = inNoise
			return d
		}
	}
	switch {
	case d.After.Median < d.Before.Median:
		d.Verdict = less
	case d.After.Median > d.Before.Median:
		d.Verdict = greater
	}
	return d
}

// source is a file that is compared: a result, or settings.
type source struct {
	path     string
	result   *Result
	settings map[string]string
}

func (s source) label() string {
	if s.result != nil {
		return fmt.Sprintf("%s (%s, measured %s)", s.path, town.Clip(town.Visible(s.result.Version), 40), at(s.result.At))
	}
	text := s.path
	for _, name := range slices.Sorted(maps.Keys(s.settings)) {
		text += fmt.Sprintf(" %s=%s", name, s.settings[name])
	}
	return text
}

// checkResult checks a result that came from a file.
func checkResult(r Result) error {
	if len(r.Scenarios) == 0 {
		return errors.New("it has no scenarios")
	}
	for _, s := range r.Scenarios {
		if len(s.Figures) > maxFigures {
			return fmt.Errorf("the scenario %s has more than %d figures", town.Clip(s.Name, 40), maxFigures)
		}
		for _, f := range s.Figures {
			if len(f.Samples) > maxSamples {
				return fmt.Errorf("the figure %s has more than %d samples", town.Clip(f.Name, 60), maxSamples)
			}
			if slices.ContainsFunc(f.Samples, func(v float64) bool { return v < 0 }) {
				return fmt.Errorf("the figure %s has a sample below 0", town.Clip(f.Name, 60))
			}
		}
	}
	return nil
}

// formOf is the version of a result's form, when a text is a JSON object that has one.
func formOf(data []byte) (int, bool) {
	var v struct{ Benchmark *int }
	if json.Unmarshal(data, &v) != nil || v.Benchmark == nil {
		return 0, false
	}
	return *v.Benchmark, true
}
