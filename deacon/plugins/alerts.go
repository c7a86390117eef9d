package plugins

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/alert"
	"gastown/town/plugin"
)

// trouble is what a health check found when it was not healthy. Its alert fires until the
// check has been healthy for alert.Calm.
type trouble struct {
	finding plugin.Finding
	// well is when the check was first healthy again; zero while it is not.
	well time.Time
}

// settle makes the alerts of plugins those of the health checks that are not healthy, or
// were not a moment ago.
func (p *Part) settle(ctx context.Context) {
	p.settling.Lock()
	defer p.settling.Unlock()
	now := p.host.Now().UTC()
	p.mu.Lock()
	p.follow(now)
	troubles := maps.Clone(p.troubles)
	p.mu.Unlock()
	var all []operational.Alert
	for _, name := range slices.Sorted(maps.Keys(troubles)) {
		f := troubles[name].finding
		severity := operational.SeverityWarning
		if f.State == plugin.Critical {
			severity = operational.SeverityCritical
		}
		all = append(all, operational.Alert{
			Name: plugin.CheckName(name), Severity: severity, Labels: map[string]string{labelPlugin: name},
			Summary: summary(f),
		})
	}
	err := p.host.Operational(ctx, func(s *operational.Store) error {
		_, err := s.SettleAlerts(ctx, operational.FromPlugin, all, now)
		return err
	})
	if err != nil && ctx.Err() == nil {
		p.host.Log().WithError(err).Warn("the alerts of plugins were not recorded")
	}
}

// labelPlugin is the label of an alert that names the plugin.
const labelPlugin = "plugin"

// follow makes the troubles follow the last findings. The caller holds mu.
func (p *Part) follow(now time.Time) {
	maps.DeleteFunc(p.troubles, func(name string, _ trouble) bool { _, in := p.last[name]; return !in })
	for name, f := range p.last {
		t, known := p.troubles[name]
		switch {
		case f.State != plugin.Healthy:
			p.troubles[name] = trouble{finding: f}
		case !known:
		case t.well.IsZero(), t.well.After(now): // the clock was put back
			t.well = now
			p.troubles[name] = t
		case now.Sub(t.well) >= alert.Calm:
			delete(p.troubles, name)
		}
	}
}

// calming reports whether an alert waits for its end.
func (p *Part) calming() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.troubles {
		if !t.well.IsZero() {
			return true
		}
	}
	return false
}

// summary is a finding in one line.
func summary(f plugin.Finding) string {
	text := f.Figure
	if len(f.Details) > 0 {
		text += ": " + f.Details[0]
	}
	return town.Clip(strings.TrimSpace(text), 300)
}

// recall takes over what an earlier Deacon recorded, so that a restart is no change.
func (p *Part) recall(ctx context.Context) {
	err := p.host.Operational(ctx, func(s *operational.Store) error {
		states, err := s.CheckStates(ctx)
		if err != nil {
			return err
		}
		firing, err := s.Alerts(ctx, time.Time{})
		p.mu.Lock()
		defer p.mu.Unlock()
		since := map[string]time.Time{}
		for _, c := range states {
			if name, ok := plugin.OfCheck(c.Name); ok {
				p.last[name], since[name] = plugin.Finding{State: c.State, Figure: c.Figure}, c.Since
			}
		}
		for _, a := range firing {
			name := a.Labels[labelPlugin]
			if f, ok := p.last[name]; ok && a.Source == operational.FromPlugin && f.State == plugin.Healthy {
				state := plugin.Warning
				if a.Severity == operational.SeverityCritical {
					state = plugin.Critical
				}
				p.troubles[name] = trouble{plugin.Finding{State: state, Figure: a.Summary}, since[name]}
			}
		}
		return err
	})
	if err != nil {
		p.host.Log().WithError(err).Warn("the last findings of plugins were not read")
	}
}
