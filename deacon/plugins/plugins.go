// Package plugins is the part of the Deacon that loads the plugins of deacon/plugins.yaml,
// at the start and whenever the file or a secret changes. It calls the plugins that have a
// schedule, and reports the state of all as the check plugins. Results of health checks
// become checks and alerts. Other parts get the plugins of a type from their Host and call
// them.
package plugins

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/part"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/plugin"
)

// Host is what the part needs of the Deacon.
type Host interface {
	Log() logrus.FieldLogger
	Now() time.Time
	PluginSet() *plugin.Set
	Operational(context.Context, func(*operational.Store) error) error
	// JobsChanged rebuilds the table of jobs.
	JobsChanged()
	StartJob(name string) error
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host Host

	settling sync.Mutex // held while the alerts are made to follow

	mu       sync.Mutex
	last     map[string]plugin.Finding // of health checks, by plugin
	troubles map[level]trouble         // those with an alert
}

var (
	_ part.Starter   = (*Part)(nil)
	_ part.Stopper   = (*Part)(nil)
	_ part.Reloaded  = (*Part)(nil)
	_ part.Checked   = (*Part)(nil)
	_ part.Scheduled = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{host: h, last: map[string]plugin.Finding{}, troubles: map[level]trouble{}}
}

// Name implements part.Part.
func (p *Part) Name() string { return "plugins" }

// Start loads the plugins. The Deacon starts also when they cannot be loaded: the check
// says why.
func (p *Part) Start(ctx context.Context) error {
	p.recall(ctx)
	p.load(ctx)
	return ctx.Err()
}

// Stop closes the plugins.
func (p *Part) Stop(ctx context.Context) error { return p.host.PluginSet().Close(ctx) }

// Reload implements part.Reloaded. Plugins that did not change go on.
func (p *Part) Reload(_, _ *config.Config) {
	p.load(context.Background())
	p.look()
}

func (p *Part) load(ctx context.Context) {
	if err := p.host.PluginSet().Load(ctx); err != nil {
		p.host.Log().WithError(err).Error("the plugins were not loaded; the former ones stay in force")
	}
	p.forget()
	p.host.JobsChanged()
	p.settle(ctx)
}

// Checks implements part.Checked: a plugin that is not as its file says, or whose last
// call failed, is a warning. A health check that fails is a check of its own.
func (p *Part) Checks(*config.Config) []check.Check {
	own := check.Check{Name: "plugins", Help: "the plugins of deacon/plugins.yaml", Run: func(ctx context.Context) (check.Result, error) {
		if p.calming() {
			p.settle(ctx)
		}
		return judge(p.states(), p.host.PluginSet().Problem()), nil
	}}
	return append([]check.Check{own}, p.checks()...)
}

// states are those of the plugins, without what is a check of its own.
func (p *Part) states() []plugin.State {
	all := p.host.PluginSet().States()
	for _, i := range p.host.PluginSet().Plugins(plugin.HealthCheck) {
		for n := range all {
			if all[n].Entry.Name == i.Name() {
				all[n].Did.Reason = ""
			}
		}
	}
	return all
}

// judge is the result of the check plugins.
func judge(all []plugin.State, problem string) check.Result {
	r := check.Result{State: check.Healthy, Threshold: "all in force, last calls succeeded"}
	if problem != "" {
		r.Details = append(r.Details, problem)
	}
	enabled := 0
	for _, s := range all {
		if s.Entry.Enabled {
			enabled++
		}
		if s.Reason != "" {
			r.Details = append(r.Details, s.Reason)
		}
		if s.Did.Reason != "" {
			r.Details = append(r.Details, s.Did.Reason)
		}
		if s.Did.Missed != "" {
			r.Details = append(r.Details, s.Did.Missed)
		}
		if s.Did.Stuck > 0 {
			r.Details = append(r.Details, fmt.Sprintf("the plugin %s: %d call(s) do not end", s.Entry.Name, s.Did.Stuck))
		}
	}
	switch {
	case len(r.Details) > 0:
		r.State, r.Figure, r.Next = check.Warning, fmt.Sprintf("%d enabled, %d problem(s)", enabled, len(r.Details)), "gt plugin list"
	case len(all) == 0:
		r.Figure = "none installed"
	default:
		r.Figure = fmt.Sprintf("%d enabled", enabled)
	}
	for i, d := range r.Details {
		r.Details[i] = town.Clip(d, 500)
	}
	return r
}
