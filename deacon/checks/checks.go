// Package checks is the part of the Deacon that runs the checks of all parts, shows
// their latest results, and records each change of a state.
package checks

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/control"
	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/operational"
	"gastown/town/config"
)

// checkTime bounds one check.
const checkTime = 20 * time.Second

// Host is what the part needs of the Deacon.
type Host interface {
	About
	Records
	Now() time.Time
	Log() logrus.FieldLogger
	// Checks are those of all parts, with the thresholds in force.
	Checks() []check.Check
}

// About is what /health says about the Deacon.
type About interface {
	Version() string
	Started() time.Time
}

// Records are where the states of checks are recorded and read.
type Records interface {
	CheckChanged(c operational.CheckState, detail string)
	Operational(context.Context, func(*operational.Store) error) error
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host    Host
	board   board
	looking sync.Mutex // held while checks run, so that each runs once at a time

	states  *prometheus.GaugeVec
	changes *prometheus.CounterVec
}

var (
	_ part.Starter   = (*Part)(nil)
	_ part.Scheduled = (*Part)(nil)
	_ part.Measured  = (*Part)(nil)
	_ part.Web       = (*Part)(nil)
	_ part.Reporting = (*Part)(nil)
	_ part.Runner    = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{
		host: h,
		states: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gt_deacon_check_state", Help: "What a check found: 0 healthy, 1 warning, 2 critical."}, []string{"check"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gt_deacon_check_changes_total", Help: "Changes of a check's state."}, []string{"check"}),
	}
}

// Name implements part.Part.
func (p *Part) Name() string { return "checks" }

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector { return []prometheus.Collector{p.states, p.changes} }

// Start reads the states that an earlier Deacon recorded, so that the age of a
// state survives a restart. It runs the quick checks, so that the first answer is
// right.
func (p *Part) Start(ctx context.Context) error {
	err := p.host.Operational(ctx, func(s *operational.Store) error {
		states, err := s.CheckStates(ctx)
		p.board.recall(states)
		return err
	})
	if err != nil {
		return err
	}
	_, err = p.run(ctx, quick)
	return err
}

func quick(c check.Check) bool { return !c.Slow }
func slow(c check.Check) bool  { return c.Slow }

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	all := func(wanted func(check.Check) bool) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			_, err := p.run(ctx, wanted)
			return "", err
		}
	}
	return []schedule.Job{
		{
			Name: "checks", Help: "run the checks that take moments", Schedule: "@every 1m", Deadline: 30 * time.Second,
			Run: all(quick),
		},
		{
			Name: "check-git", Help: "look at the Town's Git repositories", Schedule: "@every 10m", Jitter: 10 * time.Second,
			Deadline: 2 * time.Minute, Run: all(slow),
		},
	}
}

// Runnable implements part.Runner: the names of the checks.
func (p *Part) Runnable() (names []string) {
	for _, c := range p.host.Checks() {
		names = append(names, c.Name)
	}
	return names
}

// Run implements part.Runner.
func (p *Part) Run(ctx context.Context, name string) (out control.Ran, err error) {
	out.Checks, err = p.run(ctx, func(c check.Check) bool { return c.Name == name })
	return out, err
}

// run runs the selected checks, stores their results, and records what has changed.
func (p *Part) run(ctx context.Context, wanted func(check.Check) bool) (found []control.Check, err error) {
	p.looking.Lock()
	defer p.looking.Unlock()
	all := p.host.Checks()
	for _, c := range all {
		if !wanted(c) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, checkTime)
		result := c.Do(limited)
		cancel()
		if err := ctx.Err(); err != nil {
			return found, err // the result is only about the interruption
		}
		now, before := p.board.put(c.Name, result, p.host.Now().UTC())
		found = append(found, now)
		p.states.WithLabelValues(c.Name).Set(float64(result.State.Level()))
		if before == now.State {
			continue
		}
		if before != "" {
			p.changes.WithLabelValues(c.Name).Inc()
		}
		p.record(now, before)
	}
	for _, gone := range p.board.retain(all) {
		p.states.DeleteLabelValues(gone)
		p.changes.DeleteLabelValues(gone)
	}
	return found, nil
}

// record writes a change of a state to the log and to the feed.
func (p *Part) record(now control.Check, before string) {
	text := now.State + ": " + now.Figure
	if before != "" {
		text = before + " -> " + text
	}
	if before != "" || now.State != string(check.Healthy) {
		p.host.Log().WithField("check", now.Name).WithField("details", strings.Join(now.Details, "; ")).Warn(text)
	}
	p.host.CheckChanged(operational.CheckState{Name: now.Name, State: now.State, Figure: now.Figure, Since: now.Since}, text)
}
