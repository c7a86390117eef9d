// Package spending is the part of the Deacon that follows what agents spend. Every minute
// it reads what their programs appended to transcripts, raises alerts about budgets that
// are 80 % spent, and counts tokens and dollars for the metrics. A run reads at most 64 MB.
// While no transcript changes, it opens no file and no plane. It does not stop work: when
// a budget is reached, town/queue holds what waits.
package spending

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/spending"
	"gastown/town/spending/gather"
)

// job is the name of the job.
const job = "spending"

// Means is what the part works with for a configuration.
type Means struct {
	Gatherer *gather.Gatherer
	Limits   spending.Limits
	// Prices reads what models cost. With an error it returns the last prices that it could
	// read.
	Prices func() (spending.Prices, error)
}

// Spending makes the Means. The functions open the plane while they run.
type Spending func(cfg *config.Config, rows operational.Access) (Means, error)

// Host is what the part needs of the Deacon.
type Host interface {
	Config() *config.Config
	Now() time.Time
	Log() logrus.FieldLogger
	Operational(context.Context, func(*operational.Store) error) error
	Spending() Spending
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host     Host
	counters counters

	mu    sync.Mutex
	means *Means // nil until the first run, and after a reload
	// judged is when budgets were judged last; the zero time after a reload.
	judged time.Time
}

var (
	_ part.Scheduled = (*Part)(nil)
	_ part.Reloaded  = (*Part)(nil)
	_ part.Measured  = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part { return &Part{host: h, counters: newCounters()} }

// Name implements part.Part.
func (p *Part) Name() string { return "spending" }

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: job, Help: "read what agents spent, and judge budgets", Schedule: "@every 1m", Deadline: 5 * time.Minute, Run: p.run,
	}}
}

// Reload implements part.Reloaded.
func (p *Part) Reload(_, _ *config.Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.means, p.judged = nil, time.Time{}
}

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector {
	return []prometheus.Collector{p.counters.tokens, p.counters.messages, p.counters.dollars}
}

// judgeEvery is how often budgets are judged although nothing was spent: a day ends, or
// somebody changes a price.
const judgeEvery = 10 * time.Minute

// run is one run of the job.
func (p *Part) run(ctx context.Context) (note string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.means == nil {
		means, err := p.host.Spending()(p.host.Config(), p.host.Operational)
		if err != nil {
			return "", err
		}
		p.means = &means
	}
	r, err := p.means.Gatherer.Pass(ctx)
	if bad := r.Err(); bad != nil {
		p.host.Log().WithError(bad).Warn("some transcripts of agents could not be read; they are tried again when they change")
	}
	if err == nil {
		err = p.judge(ctx, r.Sums, p.host.Now())
	}
	if r.Messages > 0 {
		note = fmt.Sprintf("%d message(s) in %d transcript(s)", r.Messages, r.Read)
	}
	return note, err
}

// judge counts what was read for the metrics, and raises and ends the alerts about budgets.
// When nothing was read and the budgets were judged a short while ago, it does nothing.
func (p *Part) judge(ctx context.Context, sums []spending.Sum, now time.Time) error {
	if since := now.Sub(p.judged); len(sums) == 0 && since >= 0 && since < judgeEvery && spending.Day(now) == spending.Day(p.judged) {
		return nil
	}
	prices, bad := p.means.Prices()
	p.counters.add(sums, prices)
	limits := p.means.Limits
	if limits.None() && !p.judged.IsZero() {
		p.judged = now
		return bad
	}
	err := p.host.Operational(ctx, func(s *operational.Store) error {
		var sums []spending.Sum
		var err error
		if !limits.None() {
			sums, err = s.Spending(ctx, limits.Since(now))
		}
		if err == nil {
			verdicts, unpriced := spending.Judge(limits, sums, prices, now)
			_, err = s.SettleAlerts(ctx, operational.FromBudget, alerts(limits, verdicts, unpriced, bad), now)
		}
		return err
	})
	p.judged = now
	if err != nil {
		p.judged = time.Time{} // the next run judges again
	}
	if !limits.None() { // an alert tells of bad prices
		bad = nil
	}
	return errors.Join(err, bad)
}

// maxAlerts bounds the alerts about beads, because there may be many beads.
const maxAlerts = 200

// alerts are those for budgets that are 80 % spent or more, and for what makes them inexact:
// models without a price, and prices that cannot be read.
func alerts(limits spending.Limits, verdicts []spending.Verdict, unpriced []string, bad error) (all []operational.Alert) {
	if limits.None() {
		return nil
	}
	for _, v := range verdicts[:min(len(verdicts), maxAlerts)] {
		a := operational.Alert{
			Name: "budget_warning", Severity: operational.SeverityWarning, Labels: map[string]string{"scope": string(v.Scope), string(v.Scope): v.Name},
			Summary: v.String(),
		}
		if v.Reached() {
			a.Name, a.Severity = "budget_reached", operational.SeverityError
			a.Summary += "; no new work starts under it"
		}
		all = append(all, a)
	}
	if bad != nil {
		all = append(all, operational.Alert{
			Name: "budget_prices_unreadable", Severity: operational.SeverityWarning,
			Summary: town.Clip("budgets go by the prices that could be read last: "+town.Plain(bad.Error()), 300),
		})
	}
	if len(unpriced) > 0 {
		all = append(all, operational.Alert{
			Name: "budget_price_unknown", Severity: operational.SeverityWarning,
			Summary: fmt.Sprintf("no price is known for %d model(s), such as %s, so budgets leave them out; add them to config/prices.yaml", len(unpriced), town.Clip(unpriced[0], 60)),
		})
	}
	return all
}
