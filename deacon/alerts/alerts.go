// Package alerts is the part of the Deacon that sends alerts to people. It raises alerts
// for checks that stay unhealthy and for jobs that keep failing, and it sends the alerts
// of all sources through the notification plugins, which are the channels (town/alert).
// Without a channel only the job runs, which rests while no row changes.
package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/operational"
	"gastown/town/alert"
	"gastown/town/config"
	"gastown/town/feed"
	"gastown/town/layout"
	"gastown/town/plugin"
)

const (
	job = "alerts"
	// lately is how long after an alert's end a channel may still be told of the end.
	lately = 7 * 24 * time.Hour
)

// Host is what the part needs of the Deacon.
type Host interface {
	Now() time.Time
	Inputs() string
	Log() logrus.FieldLogger
	Config() *config.Config
	Layout() layout.Town
	// Plugins are the plugins in force of a type.
	Plugins(kind string) []*plugin.Instance
	Operational(context.Context, func(*operational.Store) error) error
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	*part.Rest
	host     Host
	messages *prometheus.CounterVec

	mu      sync.Mutex
	watch   alert.Watch
	engine  *alert.Engine // nil while there is no channel
	stopped bool

	telling sync.Mutex
	failing map[string]string // the last error of each channel that fails
}

var (
	_ part.Scheduled  = (*Part)(nil)
	_ part.Stopper    = (*Part)(nil)
	_ part.Asked      = (*Part)(nil)
	_ part.Woken      = (*Part)(nil)
	_ part.Measured   = (*Part)(nil)
	_ part.Controlled = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{
		Rest: part.NewRest(job, inputs{h}), host: h, failing: map[string]string{},
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gt_alert_messages_total", Help: "Attempts to send a message about alerts, by channel and outcome: sent or failed."}, []string{"channel", "outcome"}),
	}
}

// Name implements part.Part.
func (p *Part) Name() string { return "alerts" }

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector { return []prometheus.Collector{p.messages} }

// inputs adds the channels to the Inputs of the Host, because a pass reads them too.
type inputs struct{ Host }

// Inputs implements what part.Rest needs.
func (i inputs) Inputs() string {
	in := i.Host.Inputs()
	if in == "" {
		return ""
	}
	out := strings.Builder{}
	out.WriteString(in)
	for _, one := range i.Plugins(plugin.Notification) {
		fmt.Fprintf(&out, "\n%s %s", one.Name(), one.Digest())
	}
	return out.String()
}

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: job, Tells: true, Help: "raise alerts of checks and jobs, and pass alerts on to the channels", Schedule: "@every 1m", Deadline: 5 * time.Minute,
		Overlap: schedule.Follow, Run: func(ctx context.Context) (string, error) { return p.Rest.Run(ctx, p.pass) },
	}}
}

// Woken implements part.Woken.
func (p *Part) Woken() (string, func(kind string) bool) {
	return job, func(kind string) bool {
		switch kind {
		case operational.AlertRaised, operational.AlertEnded, operational.SilenceSet, operational.SilenceEnded, feed.CheckChanged, feed.JobFailed, feed.JobRecovered:
			return true
		}
		return false
	}
}

// Stop ends the engine. Messages under way are awaited.
func (p *Part) Stop(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	return p.end(ctx)
}

func (p *Part) end(ctx context.Context) error {
	if p.engine == nil {
		return nil
	}
	err := p.engine.Stop(ctx)
	if err == nil {
		p.engine = nil
	}
	return err
}

// pass makes alert rows of checks and jobs, and the engine follow rows and channels. due
// is when it has something to do although nothing changes.
func (p *Part) pass(ctx context.Context) (note string, due time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return "", part.Never, nil
	}
	now := p.host.Now()
	var rows []operational.Alert
	var silences []operational.Silence
	var changed bool
	err = p.host.Operational(ctx, func(s *operational.Store) error {
		checks, err := s.CheckStates(ctx)
		if err != nil {
			return err
		}
		// Health checks that are plugins raise alerts of their own.
		checks = slices.DeleteFunc(checks, func(c operational.CheckState) bool {
			_, own := plugin.OfCheck(c.Name)
			return own
		})
		jobs, err := s.JobRuns(ctx)
		if err != nil {
			return err
		}
		firing, err := s.Alerts(ctx, time.Time{})
		if err != nil {
			return err
		}
		var wanted []operational.Alert
		wanted, due = p.watch.Plan(checks, alert.Present(jobs, p.called()), firing, now)
		if changed, err = s.SettleAlerts(ctx, operational.FromCheck, wanted, now); err != nil {
			return err
		}
		if silences, err = s.Silences(ctx, now); err == nil {
			rows, err = s.Alerts(ctx, now.Add(-lately))
		}
		return err
	})
	if err != nil {
		return "", time.Time{}, err
	}
	if changed {
		note = "alerts of checks and jobs changed"
	}
	for _, s := range silences {
		for _, at := range []time.Time{s.Begins, s.Ends} {
			if at.After(now) && (due.IsZero() || at.Before(due)) {
				due = at
			}
		}
	}
	if due.IsZero() {
		due = part.Never
	}
	return note, due, p.send(ctx, rows, silences, now)
}

// called are the plugins in force that are no health checks: those are checks and alerts of
// their own.
func (p *Part) called() map[string]bool {
	names := map[string]bool{}
	for _, kind := range []string{plugin.Notification, plugin.Integration, plugin.Exec} {
		for _, i := range p.host.Plugins(kind) {
			names[i.Name()] = !i.Serves(plugin.HealthCheck)
		}
	}
	return names
}

// send passes rows on to the channels.
func (p *Part) send(ctx context.Context, rows []operational.Alert, silences []operational.Silence, now time.Time) (err error) {
	var channels []alert.Channel
	for _, i := range p.host.Plugins(plugin.Notification) {
		channels = append(channels, alert.ChannelOf(i.Name(), i.Plugin()))
	}
	if len(channels) == 0 {
		return p.end(ctx)
	}
	if p.engine == nil {
		c := p.host.Config()
		p.engine, err = alert.New(alert.Options{Log: p.host.Log(), Path: p.host.Layout().AlertsTold(), Town: c.Town.Name, ID: string(c.Town.ID), Send: p.message})
		if err != nil {
			p.engine = nil
			return err
		}
	}
	return p.engine.Sync(ctx, rows, silences, channels, now)
}

// message sends one message through a channel.
func (p *Part) message(ctx context.Context, channel string, m alert.Message) error {
	i, err := p.channel(channel)
	if err == nil {
		_, err = i.Execute(ctx, m)
	}
	outcome := "sent"
	if err != nil {
		outcome = "failed"
	}
	p.messages.WithLabelValues(channel, outcome).Inc()
	p.log(channel, m, err)
	return err
}

// channel is the plugin in force of a name.
func (p *Part) channel(name string) (*plugin.Instance, error) {
	var names []string
	for _, i := range p.host.Plugins(plugin.Notification) {
		if i.Name() == name {
			return i, nil
		}
		names = append(names, i.Name())
	}
	if len(names) == 0 {
		return nil, errors.New("no notification plugin is in force")
	}
	return nil, fmt.Errorf("no notification plugin %q is in force, only %s", name, strings.Join(names, ", "))
}

// log logs messages that were sent, and each failure once.
func (p *Part) log(channel string, m alert.Message, err error) {
	log := p.host.Log().WithField("channel", channel).WithField("alert", m.Name)
	p.telling.Lock()
	before := p.failing[channel]
	delete(p.failing, channel)
	if err != nil {
		p.failing[channel] = err.Error()
	}
	p.telling.Unlock()
	switch {
	case err == nil:
		log.WithField("status", m.Status).WithField("firing", m.Firing).Info("told of an alert")
	case err.Error() != before:
		log.WithError(err).Warn("a message about an alert was not taken; it is sent again later")
	}
}
