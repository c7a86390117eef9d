package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/noise"
)

// Type is what an analysis is about.
type Type string

// The types.
const (
	Dolt     Type = "dolt"
	Mail     Type = "mail"
	Polecat  Type = "polecat"
	Refinery Type = "refinery"
)

// Types are all types, in the order in which people are shown them.
var Types = []Type{Dolt, Mail, Polecat, Refinery}

// topic is what one type asks for and how it judges it.
type topic struct {
	families []family
	judge    func(*judge)
}

// topics are the types' topics; init breaks the circle of a table whose functions read it.
var topics map[Type]topic

func init() {
	topics = map[Type]topic{Dolt: doltTopic, Mail: mailTopic, Polecat: polecatTopic, Refinery: refineryTopic}
}

// Rows are what the planes hold now. A field may be empty.
type Rows struct {
	Work   operational.Work
	Boxes  []ledger.Mailbox
	Nudges operational.NudgeBoard
	// Merges are open and lately decided merge requests, Tests the last results of
	// checks, Refineries what is known of those of the rigs.
	Merges     []operational.MergeRequest
	Tests      []operational.TestResult
	Refineries map[string]operational.Refinery
}

// Analysis is where time goes.
type Analysis struct {
	Type Type `json:"type"`
	// From and To bound the time that was looked at; Recorded is how much of it has
	// figures, in seconds.
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Recorded float64   `json:"recorded_seconds"`
	Figures  []Figure  `json:"figures"`
	// Costs are what took most time, by kind, the most first; Waits what waited.
	Costs  []Cost   `json:"costs"`
	Waits  []Wait   `json:"waits"`
	Advice []Advice `json:"advice"`
	// Missing says which figures there are not, and why.
	Missing []string `json:"missing"`
}

// Figure is a key figure over the time.
type Figure struct {
	Name string `json:"name"`
	// Unit is "seconds" or "count".
	Unit   string  `json:"unit"`
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
	// Warning is the threshold above which it is too much.
	Warning float64 `json:"warning"`
}

// Spread describes the values of a gauge.
type Spread struct {
	noise.Summary
	P95, Most, Last float64
}

// Timing describes what a histogram counted. Times are in seconds.
type Timing struct{ Count, Seconds, Median, P95 float64 }

// Kinds of costs.
const (
	Statement = "statement"
	Command   = "command"
	Job       = "job"
	Check     = "check"
)

// Cost is something that took time.
type Cost struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Runs is how often it ran, Seconds how long in all, Share its part of the time of
	// its kind from 0 to 1.
	Runs    float64 `json:"runs"`
	Seconds float64 `json:"seconds"`
	Share   float64 `json:"share"`
}

// Mean is how long one run took, in seconds.
func (c Cost) Mean() float64 { return c.Seconds / max(c.Runs, 1) }

// Wait is what waited for one cause.
type Wait struct {
	// Cause says for what, What says who waited.
	Cause string `json:"cause"`
	What  string `json:"what"`
	// Count is how many waited, Seconds how long: all together over the time, or the
	// longest of those that wait now.
	Count   float64 `json:"count"`
	Seconds float64 `json:"seconds"`
	Now     bool    `json:"now"`
}

// Advice is what would help.
type Advice struct {
	// Do is a command, or what a person does. Why says what it changes.
	Do  string `json:"do"`
	Why string `json:"why"`
	// Figure is what it rests on.
	Figure string `json:"figure"`
}

// Setting is the value of a setting in force, as text; "" if it is not known.
type Setting func(key string) string

// mostCosts is how many costs of a kind are shown.
const mostCosts = 8

// judge is an analysis that is being made.
type judge struct {
	out Analysis
	Facts
	rows    Rows
	setting Setting
	now     time.Time
}

// Analyze judges what was read. now is when the rows were read.
func Analyze(t Type, f Facts, r Rows, setting Setting, now time.Time) Analysis {
	j := &judge{Facts: f, rows: r, setting: setting, now: now}
	j.out = Analysis{Type: t, From: f.From, To: f.To, Recorded: f.Recorded.Seconds(),
		Figures: []Figure{}, Costs: []Cost{}, Waits: []Wait{}, Advice: []Advice{}, Missing: []string{}}
	if f.Recorded == 0 {
		j.missing("no figures were recorded in this time; the Deacon records them every %s while it runs and monitor.performance is true", setting("monitor.interval"))
	}
	topics[t].judge(j)
	slices.SortStableFunc(j.out.Waits, func(a, b Wait) int { return cmp.Compare(b.Seconds, a.Seconds) })
	return j.out
}

func (j *judge) missing(format string, args ...any) {
	j.out.Missing = append(j.out.Missing, fmt.Sprintf(format, args...))
}

func (j *judge) advise(do, why, figure string, args ...any) {
	j.out.Advice = append(j.out.Advice, Advice{Do: do, Why: why, Figure: fmt.Sprintf(figure, args...)})
}

// costs adds what took most of a kind. some selects by name; nil takes all.
func (j *judge) costs(kind string, seconds, runs map[string]float64, some func(string) bool) {
	var all []Cost
	sum := 0.0
	for name, s := range seconds {
		if some != nil && !some(name) {
			continue
		}
		if n := runs[name]; n > 0 {
			all = append(all, Cost{Kind: kind, Name: name, Runs: n, Seconds: s})
			sum += s
		}
	}
	slices.SortFunc(all, func(a, b Cost) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Name, b.Name))
	})
	for _, c := range all[:min(len(all), mostCosts)] {
		if sum > 0 {
			c.Share = c.Seconds / sum
		}
		j.out.Costs = append(j.out.Costs, c)
	}
}

// waited adds a wait of the whole time, if there was any.
func (j *judge) waited(cause, what string, count, seconds float64) {
	if count > 0 || seconds > 0 {
		j.out.Waits = append(j.out.Waits, Wait{Cause: cause, What: what, Count: count, Seconds: seconds})
	}
}

// waits adds something that waits now since a time.
func (j *judge) waits(cause, what string, count int, since time.Time) {
	j.out.Waits = append(j.out.Waits, Wait{Cause: cause, What: what, Count: float64(count), Seconds: max(j.now.Sub(since), 0).Seconds(), Now: true})
}

// figure adds a key figure from a gauge.
func (j *judge) figure(name, unit string, warning float64) *Spread {
	s := j.spread(name)
	if s != nil {
		j.out.Figures = append(j.out.Figures, Figure{name, unit, s.Median, s.P95, warning})
	}
	return s
}

// timing adds a key figure from a histogram.
func (j *judge) timing(name, metric string, warning float64) *Timing {
	t := j.histogram(metric)
	if t != nil {
		j.out.Figures = append(j.out.Figures, Figure{name, "seconds", t.Median, t.P95, warning})
	}
	return t
}

// commands are the families of commands; costs of them by their first words.
var commands = []family{{"gt_command_seconds_total", "command"}, {"gt_commands_total", "command"}}

func (j *judge) commands(words ...string) {
	j.costs(Command, j.counters("gt_command_seconds_total"), j.counters("gt_commands_total"), func(name string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return name == w || strings.HasPrefix(name, w+" ") || w == "" })
	})
}

// jobs are the families of the Deacon's jobs.
var jobs = []family{{"gt_deacon_job_duration_seconds_sum", "job"}, {"gt_deacon_job_duration_seconds_count", "job"}}

func (j *judge) jobs(names ...string) {
	j.costs(Job, j.counters("gt_deacon_job_duration_seconds_sum"), j.counters("gt_deacon_job_duration_seconds_count"), func(name string) bool {
		return len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return name == n || strings.HasPrefix(name, n+":") })
	})
}

// Seconds writes a duration for people with three digits.
func Seconds(s float64) string {
	switch {
	case s <= 0:
		return "0 s"
	case s < .001:
		return fmt.Sprintf("%.3g us", s*1e6)
	case s < 1:
		return fmt.Sprintf("%.3g ms", s*1e3)
	case s < 120:
		return fmt.Sprintf("%.3g s", s)
	case s < 7200:
		return fmt.Sprintf("%.0f min", s/60)
	case s < 48*3600:
		return fmt.Sprintf("%.1f h", s/3600)
	}
	return fmt.Sprintf("%.1f days", s/86400)
}

// percent writes a share.
func percent(part, whole float64) string {
	if whole <= 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.3g %%", 100*part/whole)
}
