// Package tune is the part of the Deacon that adjusts settings for gt autotune. Once in
// autotune.interval its job looks at what was measured: it judges the change that is being
// tried, or begins one (town/tuning). What it changes is a row of the operational plane,
// and an event that says why. It never writes the Town's configuration, and a setting that
// a person made counts instead.
//
// While autotune.enabled is false the job is disabled, nothing is measured, and no row sets
// anything.
package tune

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/machine"
	"gastown/town/noise"
	"gastown/town/series"
	"gastown/town/tuning"
)

// job is the name of the part's job.
const job = "tune"

// actor is who changes settings, in the feed.
const actor = "gt autotune"

// Host is what the part needs of the Deacon.
type Host interface {
	Config() *config.Config
	Now() time.Time
	Operational(context.Context, func(*operational.Store) error) error
	Series() *series.Store
	Layout() layout.Town
	Tune(values map[string]string) error
	BeginTuned(values map[string]string)
	StartJob(name string) error
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host Host
	// off says that autotune was off and what was tried then is not taken back yet.
	off atomic.Bool
}

var (
	_ part.Starter   = (*Part)(nil)
	_ part.Reloaded  = (*Part)(nil)
	_ part.Scheduled = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part { return &Part{host: h} }

// Name implements part.Part.
func (p *Part) Name() string { return "tune" }

func enabled(cfg *config.Config) bool { return part.Bool(cfg, "autotune.enabled") }

// Jobs implements part.Scheduled.
func (p *Part) Jobs(cfg *config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: job, Help: "adjust settings that nobody set, and take back what did not help", Disabled: !enabled(cfg),
		Schedule: "@every " + part.Duration(cfg, "autotune.interval").String(), Deadline: 5 * time.Minute, Run: p.run,
	}}
}

// Start implements part.Starter: it puts in force what an earlier Deacon tuned. While autotune
// is off nothing is tried, also after a Deacon that ended when it was on.
func (p *Part) Start(ctx context.Context) error {
	if !enabled(p.host.Config()) {
		p.suspend(ctx)
		return nil
	}
	changes, err := p.changes(ctx)
	if err != nil {
		return err
	}
	p.host.BeginTuned(tuning.InForce(changes))
	return nil
}

// Reload implements part.Reloaded: what was kept comes into force again, and what was being
// tried when autotune went off does not.
func (p *Part) Reload(before, now *config.Config) {
	switch {
	case enabled(now) && !enabled(before):
		_ = p.host.StartJob(job) // it also runs by its schedule
	case enabled(before) && !enabled(now):
		ctx, cancel := context.WithTimeout(context.Background(), suspendTime)
		defer cancel()
		p.suspend(ctx)
	}
}

// suspendTime bounds how long a reload waits for the rows.
const suspendTime = 5 * time.Second

// suspend takes back the change that is being tried, because autotune is off: what is measured
// from now on says nothing of it. The row says so to a later Deacon, too. Where it cannot be
// written now, run does it when autotune is on again.
func (p *Part) suspend(ctx context.Context) {
	p.off.Store(true)
	changes, err := p.changes(ctx)
	if err == nil {
		_ = p.resume(ctx, tuning.Situation{Changes: changes})
	}
}

func (p *Part) changes(ctx context.Context) (all []operational.Tuning, err error) {
	err = p.host.Operational(ctx, func(s *operational.Store) error {
		all, err = s.Tunings(ctx)
		return err
	})
	return all, err
}

// run is one look.
func (p *Part) run(ctx context.Context) (note string, err error) {
	if !enabled(p.host.Config()) {
		return "autotune is off: gt autotune enable", nil
	}
	s, err := p.situation(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range tuning.Overtaken(s) {
		if err := p.settle(ctx, c, operational.TuningOvertaken, c.Since, "a person set "+c.Setting); err != nil {
			return "", err
		}
		note = c.Setting + " is a person's now"
	}
	if err := p.resume(ctx, s); err != nil {
		return note, err
	}
	if s, err = p.situation(ctx); err != nil {
		return "", err
	}
	if err := p.host.Tune(tuning.InForce(s.Changes)); err != nil {
		return "", err
	}
	s.Config = p.host.Config()
	if c := tuning.Trying(s.Changes); c != nil {
		state, text, err := p.judge(ctx, s, *c)
		if err != nil || state != operational.TuningKept {
			return text, err
		}
		if s, err = p.situation(ctx); err != nil {
			return text, err
		}
		note = text
	}
	text, err := p.begin(ctx, s)
	return strings.Trim(note+"; "+text, "; "), err
}

// resume takes back the change that was being tried if autotune was off meanwhile: what was
// measured since then says nothing of it.
func (p *Part) resume(ctx context.Context, s tuning.Situation) error {
	if !p.off.Swap(false) {
		return nil
	}
	c := tuning.Trying(s.Changes)
	if c == nil {
		return nil
	}
	err := p.settle(ctx, *c, operational.TuningTakenBack, c.Since, "autotune was off while it was tried")
	if err != nil {
		p.off.Store(true)
	}
	return err
}

// situation reads the rows.
func (p *Part) situation(ctx context.Context) (s tuning.Situation, err error) {
	cfg := p.host.Config()
	s = tuning.Situation{Now: p.host.Now(), Interval: part.Duration(cfg, "autotune.interval"), Config: cfg, Memory: machine.Read(p.host.Layout().Root).Memory}
	if s.Scope, err = cfg.List("autotune.scope"); err != nil {
		return s, err
	}
	err = p.host.Operational(ctx, func(o *operational.Store) error {
		if s.Changes, err = o.Tunings(ctx); err != nil || !slices.Contains(s.Scope, tuning.ScopeConcurrency) {
			return err
		}
		work, err := o.Work(ctx)
		for _, h := range work.Holds {
			s.Held = append(s.Held, h.Bound)
		}
		return err
	})
	return s, err
}

// judge looks whether the change that is tried helps.
func (p *Part) judge(ctx context.Context, s tuning.Situation, c operational.Tuning) (to operational.TuningState, note string, err error) {
	var before, since []float64
	if k, known := tuning.KnobOf(c); known {
		if before, err = p.figure(ctx, k, c.At.Add(-window(s)), c.At); err == nil {
			since, err = p.figure(ctx, k, c.At, s.Now)
		}
		if err != nil {
			return c.State, "", err
		}
	}
	to, why := tuning.Judge(s, c, before, since)
	if to == operational.TuningTrying {
		return to, c.Setting + ": " + why, nil
	}
	if err := p.settle(ctx, c, to, noise.Summarize(since), why); err != nil {
		return to, "", err
	}
	changes, err := p.changes(ctx)
	if err == nil {
		err = p.host.Tune(tuning.InForce(changes))
	}
	return to, fmt.Sprintf("%s to %s is %s: %s", c.Setting, c.To, to, why), err
}

func (p *Part) settle(ctx context.Context, c operational.Tuning, to operational.TuningState, since noise.Summary, why string) error {
	return p.host.Operational(ctx, func(o *operational.Store) error {
		_, err := o.SettleTuning(ctx, c, to, since, why, actor, p.host.Now())
		return err
	})
}

// begin tries the first change that has a cause.
func (p *Part) begin(ctx context.Context, s tuning.Situation) (note string, err error) {
	for _, k := range tuning.Candidates(s) {
		cause, err := p.value(ctx, tuning.Expr(k.Cause, window(s)), s.Now)
		if err != nil {
			return "", err
		}
		if !(cause > k.Above) {
			continue
		}
		figure, err := p.figure(ctx, k, s.Now.Add(-window(s)), s.Now)
		if err != nil {
			return "", err
		}
		c, ok := tuning.Begin(s, k, cause, figure)
		if !ok {
			continue
		}
		err = p.host.Operational(ctx, func(o *operational.Store) error {
			c, err = o.Try(ctx, c, p.host.Now())
			return err
		})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s from %s to %s: %s", c.Setting, c.From, c.To, c.Why), p.host.Tune(tuning.InForce(append(s.Changes, c)))
	}
	return "", nil
}

// The time over which figures are measured, and between two values.
const (
	leastWindow = 15 * time.Minute
	mostWindow  = 24 * time.Hour
	leastStep   = time.Minute
	mostValues  = 120
)

// window is how far back is looked.
func window(s tuning.Situation) time.Duration { return min(max(s.Interval, leastWindow), mostWindow) }

// step is the time between two values of a figure, in which several rounds of figures are
// recorded.
func (p *Part) step(d time.Duration) time.Duration {
	return max(leastStep, 4*part.Duration(p.host.Config(), "monitor.interval"), (d / mostValues).Truncate(time.Second))
}

// value is that of an expression at a time; NaN for none.
func (p *Part) value(ctx context.Context, expr string, at time.Time) (float64, error) {
	lines, err := p.host.Series().At(ctx, expr, at)
	if err = measured(err); err != nil || len(lines) != 1 {
		return math.NaN(), err
	}
	return lines[0].Last(), nil
}

// figure are the values of a knob's figure in a time, of steps that do not overlap.
func (p *Part) figure(ctx context.Context, k tuning.Knob, from, to time.Time) (values []float64, err error) {
	step := p.step(to.Sub(from))
	if to.Sub(from) < step {
		return nil, nil
	}
	lines, err := p.host.Series().Range(ctx, tuning.Expr(k.Figure, step), series.Window{From: from.Add(step), To: to, Step: step})
	for _, l := range lines {
		for _, point := range l.Points {
			if !math.IsNaN(point.Value) && !math.IsInf(point.Value, 0) {
				values = append(values, point.Value)
			}
		}
	}
	return values, measured(err)
}

// measured passes over an error that says that no figures are kept: nothing is measured
// then, which is no failure.
func measured(err error) error {
	if errors.Is(err, series.ErrOff) {
		return nil
	}
	return err
}
