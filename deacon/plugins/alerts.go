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

// level names a health check and a state: the check was that bad or worse.
type level struct{ plugin, state string }

// trouble is the last finding of a health check that was as bad as a level. The level counts
// until the check has been better for alert.Calm, so a check that flips back and forth raises
// one alert.
type trouble struct {
	finding plugin.Finding
	// over is when the check became better; zero while it is not.
	over time.Time
}

// levels are the states with alerts, the worst first.
var levels = []string{plugin.Critical, plugin.Warning}

// reaches reports whether a state is as bad as a level. A state that is not known is as bad
// as critical.
func reaches(state, level string) bool {
	return state != plugin.Healthy && (state != plugin.Warning || level == plugin.Warning)
}

// settle records the alerts of plugins: those of the health checks that are not healthy, or
// have not been healthy for alert.Calm yet.
func (p *Part) settle(ctx context.Context) {
	p.settling.Lock()
	defer p.settling.Unlock()
	now := p.host.Now().UTC()
	p.mu.Lock()
	p.follow(now)
	troubles := maps.Clone(p.troubles)
	names := slices.Sorted(maps.Keys(p.last))
	p.mu.Unlock()
	var all []operational.Alert
	for _, name := range names {
		for i, severity := range []operational.AlertSeverity{operational.SeverityCritical, operational.SeverityWarning} {
			if t, in := troubles[level{name, levels[i]}]; in {
				all = append(all, operational.Alert{
					Name: plugin.CheckName(name), Severity: severity, Labels: map[string]string{labelPlugin: name}, Summary: summary(t.finding),
				})
				break
			}
		}
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
	maps.DeleteFunc(p.troubles, func(of level, _ trouble) bool { _, in := p.last[of.plugin]; return !in })
	for name, f := range p.last {
		for _, state := range levels {
			of := level{name, state}
			t, known := p.troubles[of]
			switch {
			case reaches(f.State, state):
				p.troubles[of] = trouble{finding: f}
			case !known:
			case t.over.IsZero(), t.over.After(now): // the clock was put back
				t.over = now
				p.troubles[of] = t
			case now.Sub(t.over) >= alert.Calm:
				delete(p.troubles, of)
			}
		}
	}
}

// calming reports whether an alert waits for its end, or to be milder.
func (p *Part) calming() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.troubles {
		if !t.over.IsZero() {
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
			if _, known := p.last[name]; !known || a.Source != operational.FromPlugin {
				continue
			}
			for _, state := range levels {
				if reaches(string(a.Severity), state) {
					p.troubles[level{name, state}] = trouble{plugin.Finding{State: state, Figure: a.Summary}, since[name]}
				}
			}
		}
		return err
	})
	if err != nil {
		p.host.Log().WithError(err).Warn("the last findings of plugins were not read")
	}
}
