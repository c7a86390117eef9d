package plugins

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"gastown/deacon/check"
	"gastown/deacon/schedule"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/plugin"
)

// row is the name of the row of jobs; each plugin with a schedule has a job of it.
const row = "plugin"

// defaultSchedule is that of a plugin whose schedule is not known yet.
const defaultSchedule = "@every 5m"

// timed are the plugins in force that are called by schedule, with their schedules.
func (p *Part) timed() map[string]string {
	all := map[string]string{}
	for _, s := range p.host.PluginSet().States() {
		i, ok := p.host.PluginSet().Plugin(s.Entry.Name)
		if !ok {
			continue
		}
		if t, ok := i.Plugin().(plugin.Timed); ok && t.Schedule() != "" {
			all[i.Name()] = t.Schedule()
		}
	}
	return all
}

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	schedules := p.timed()
	keys := slices.AppendSeq([]string{}, maps.Keys(schedules)) // never nil: a row without jobs
	slices.Sort(keys)
	return []schedule.Job{{
		Name: row, Acts: true, Help: "call the plugins that are due", Keys: keys, Schedule: defaultSchedule, Deadline: longest,
		ScheduleKey: func(name string) string {
			if s := schedules[name]; s != "" {
				return s
			}
			return defaultSchedule
		},
		RunKey: p.run,
	}}
}

// longest is the longest that a call may take, with its end.
const longest = plugin.MaxTimeout + 30*time.Second

// run calls one plugin.
func (p *Part) run(ctx context.Context, name string) (note string, err error) {
	i, ok := p.host.PluginSet().Plugin(name)
	if !ok {
		return "it is not in force any more", nil
	}
	tick := plugin.Tick{At: p.host.Now().UTC(), As: i.CalledAs()}
	failing := i.Did().Reason != ""
	out, err := i.Execute(ctx, tick)
	if failing != (err != nil) && ctx.Err() == nil {
		defer p.look() // the check plugins has changed
	}
	if tick.As != plugin.HealthCheck {
		return "", err
	}
	if ctx.Err() != nil {
		return "", err // the result is only about the interruption
	}
	f, _ := out.(plugin.Finding)
	if err == nil {
		f, err = i.Clean(f)
	}
	if err != nil {
		p.found(ctx, i, plugin.Finding{State: plugin.Critical, Figure: "it cannot be looked at", Next: "gt plugin run " + name,
			Details: []string{town.Clip(err.Error(), 500)}})
		return "", err
	}
	p.found(ctx, i, f)
	return strings.TrimSpace(f.State + " " + f.Figure), nil
}

// found keeps what a health check found, and has the board and the alerts follow when it
// is another state. What one found that a reload replaced or disabled meanwhile does not
// count.
func (p *Part) found(ctx context.Context, i *plugin.Instance, f plugin.Finding) {
	p.mu.Lock()
	if now, _ := p.host.PluginSet().Plugin(i.Name()); now != i { // asked with the lock: forget comes after a reload
		p.mu.Unlock()
		return
	}
	before, known := p.last[i.Name()]
	p.last[i.Name()] = f
	p.mu.Unlock()
	if !known || before.State != f.State {
		p.look()
	}
	p.settle(ctx)
}

// look has the checks run now. They come within a minute anyway.
func (p *Part) look() { _ = p.host.StartJob("checks") }

// forget drops the findings of plugins that are no health checks in force.
func (p *Part) forget() {
	in := map[string]bool{}
	for _, i := range p.host.PluginSet().Plugins(plugin.HealthCheck) {
		in[i.Name()] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.last, func(name string, _ plugin.Finding) bool { return !in[name] })
}

// checks are those of health checks in force. Each returns what its last call found.
func (p *Part) checks() (all []check.Check) {
	for _, i := range p.host.PluginSet().Plugins(plugin.HealthCheck) {
		name := i.Name()
		all = append(all, check.Check{Name: plugin.CheckName(name), Help: "the plugin " + name, Run: func(context.Context) (check.Result, error) {
			p.mu.Lock()
			f, known := p.last[name]
			p.mu.Unlock()
			if !known {
				_ = p.host.StartJob(schedule.KeyedName(row, name))
				return check.Result{State: check.Healthy, Figure: "not looked at yet", Threshold: "a first call"}, nil
			}
			return check.Result{State: check.State(f.State), Figure: f.Figure, Threshold: f.Threshold, Next: f.Next, Details: f.Details}, nil
		}})
	}
	return all
}
