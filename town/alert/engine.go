// Package alert sends a Town's alerts through its channels, which are its notification
// plugins.
//
// The rows of the operational plane are the state: alerts, which sources raise and end,
// and silences, which people set. Engine.Sync takes these rows and the channels whenever
// they change. Prometheus' Alertmanager packages do the rest: alerts with the same name
// share a message, which is repeated by schedule, muted by a silence or by a critical
// alert of the same name, and retried while a channel is down; a last message says that
// they are resolved. What each channel was told is written to disk before the next step,
// so a restart repeats no message and loses none.
//
// Watch turns the states of checks and jobs into alerts.
package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	amcommon "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/alertmanager/timeinterval"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/sirupsen/logrus"

	"gastown/planes/operational"
)

const (
	// tidyEvery is how often alerts and groups that are over leave the memory.
	tidyEvery = 30 * time.Minute
	// integration is the name of every channel in Alertmanager's notification log.
	integration = "plugin"
)

// Options are the options of an Engine.
type Options struct {
	Log logrus.FieldLogger
	// Path is the file that keeps what was told.
	Path string
	// Town is the Town's name, and ID tells it from other Towns.
	Town, ID string
	// Send sends a message through a channel and waits for it. A plugin.Later among its
	// errors says that it is to be tried again soon; any failed message is tried again at
	// the channel's next interval.
	Send func(ctx context.Context, channel string, m Message) error
}

// Engine sends messages while it has channels. Its methods may be called from many
// goroutines, one at a time. It must be stopped.
type Engine struct {
	opts  Options
	log   *slog.Logger
	quiet prometheus.Registerer // of metrics that nobody reads

	mu       sync.Mutex
	told     *told
	alerts   *mem.Alerts
	silences *silence.Silences
	silencer *silence.Silencer
	put      map[model.Fingerprint]state
	set      map[string]string // silences of Alertmanager, by id of the row
	channels []Channel
	running  *running // nil without channels
}

// state is an alert as Alertmanager was given it.
type state struct {
	row      operational.Alert
	labels   model.LabelSet
	resolved bool
	at       time.Time // when it began, or was given as resolved
}

// running is what is made anew when the channels change.
type running struct {
	inhibitor  *inhibit.Inhibitor
	dispatcher *dispatch.Dispatcher
	flight     flight
	over       chan struct{} // closed when neither runs
}

// New opens the file of what was told and starts nothing that waits for channels.
func New(o Options) (*Engine, error) {
	e := &Engine{opts: o, log: slog.New(slog.DiscardHandler), quiet: prometheus.NewRegistry(), put: map[model.Fingerprint]state{}, set: map[string]string{}}
	var err error
	if e.told, err = openTold(o.Path, e.log, o.Log); err != nil {
		return nil, err
	}
	if e.silences, err = silence.New(silence.Options{Retention: time.Hour, Logger: e.log, Metrics: e.quiet}); err != nil {
		return nil, fmt.Errorf("make the silences: %w", err)
	}
	e.silencer = silence.NewSilencer(e.silences, e.log, eventrecorder.Recorder{})
	e.alerts, err = mem.NewAlerts(context.Background(), tidyEvery, 0, e.silencer, e.log, eventrecorder.Recorder{}, e.quiet, featurecontrol.NoopFlags{})
	if err != nil {
		return nil, fmt.Errorf("make the store of alerts: %w", err)
	}
	return e, nil
}

// Sync makes the engine follow the rows and the channels. alerts are those that fire and
// those that ended lately, silences those in force and to come. When the channels
// changed, it waits for messages under way until ctx ends.
func (e *Engine) Sync(ctx context.Context, alerts []operational.Alert, silences []operational.Silence, channels []Channel, now time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.silence(ctx, silences, now); err != nil {
		return err
	}
	changed := e.running == nil || e.running.flight.ends() || !reflect.DeepEqual(channels, e.channels)
	if changed {
		if err := e.halt(ctx); err != nil {
			return err
		}
		e.channels = channels
	}
	// Before the dispatcher starts, so that it begins with all of them.
	if err := e.follow(ctx, alerts, now); err != nil {
		return err
	}
	if changed && len(channels) > 0 {
		if err := e.start(); err != nil {
			return err
		}
	}
	e.told.save()
	return nil
}

// Stop ends the engine. It waits for messages under way until ctx ends.
func (e *Engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.halt(ctx)
	e.alerts.Close()
	e.told.save()
	return err
}

// start makes the routes, with one receiver for each channel, and dispatches.
func (e *Engine) start() error {
	r := &running{over: make(chan struct{})}
	registry := prometheus.NewRegistry()
	r.inhibitor = inhibit.NewInhibitor(e.alerts, []amcommon.InhibitRule{{
		SourceMatchers: amcommon.Matchers{matcher(labels.MatchEqual, labelSeverity, string(operational.SeverityCritical))},
		TargetMatchers: amcommon.Matchers{matcher(labels.MatchNotEqual, labelSeverity, string(operational.SeverityCritical))},
		Equal:          []string{model.AlertNameLabel},
	}}, e.log, eventrecorder.Recorder{})
	root := &config.Route{GroupBy: []model.LabelName{model.AlertNameLabel}}
	receivers := map[string][]notify.Integration{}
	for _, c := range e.channels {
		wait, interval, repeat := model.Duration(c.Wait), model.Duration(c.Interval), model.Duration(c.Repeat)
		route := &config.Route{Receiver: c.Name, Continue: true, GroupWait: &wait, GroupInterval: &interval, RepeatInterval: &repeat}
		if len(c.Severities) > 0 {
			route.Matchers = append(route.Matchers, matcher(labels.MatchRegexp, labelSeverity, anyOf(c.Severities)))
		}
		root.Routes = append(root.Routes, route)
		s := &sender{engine: e, channel: c}
		receivers[c.Name] = []notify.Integration{notify.NewIntegration(s, s, integration, 0, c.Name)}
	}
	pipeline := notify.NewPipelineBuilder(registry, featurecontrol.NoopFlags{}, eventrecorder.Recorder{}).
		New(receivers, func() time.Duration { return 0 }, r.inhibitor, e.silencer, timeinterval.NewIntervener(nil), e.told, nil)
	texts, err := template.New()
	if err != nil {
		return fmt.Errorf("make the templates: %w", err)
	}
	r.dispatcher = dispatch.NewDispatcher(e.alerts, dispatch.NewRoute(root, nil), r.stage(pipeline), nil,
		func(d time.Duration) time.Duration { return max(d, notify.MinTimeout) }, tidyEvery, nil, e.log, eventrecorder.Recorder{}, nil, texts)
	var both sync.WaitGroup
	both.Go(r.inhibitor.Run)
	r.inhibitor.WaitForLoading()
	both.Go(func() { r.dispatcher.Run(time.Now()) })
	r.dispatcher.WaitForLoading()
	go func() { both.Wait(); close(r.over) }()
	e.running = r
	return nil
}

// halt ends what start began. It is to be called again when it fails.
func (e *Engine) halt(ctx context.Context) error {
	r := e.running
	if r == nil {
		return nil
	}
	ended := r.flight.close()
	r.dispatcher.Stop()
	r.inhibitor.Stop()
	for _, over := range []<-chan struct{}{ended, r.over} {
		select {
		case <-over:
		case <-ctx.Done():
			return errors.New("messages are under way and did not end in time")
		}
	}
	e.running = nil
	return nil
}

// stage is around all that is done for a group of alerts. It gives the group a key that
// does not depend on routes, so that a change of a channel's severities tells nothing
// again, and has halt wait.
func (r *running) stage(inner notify.Stage) notify.StageFunc {
	return func(ctx context.Context, l *slog.Logger, alerts ...*amalert.Alert) (context.Context, []*amalert.Alert, error) {
		if channel, _ := notify.ReceiverName(ctx); channel == "" { // no channel takes these
			return ctx, nil, nil
		}
		if !r.flight.begin() {
			return ctx, nil, context.Canceled
		}
		defer r.flight.end()
		group, _ := notify.GroupLabels(ctx)
		return inner.Exec(notify.WithGroupKey(ctx, groupKey(string(group[model.AlertNameLabel]))), l, alerts...)
	}
}

func groupKey(name string) string { return "name:" + name }

// flight counts what is under way, until it is closed.
type flight struct {
	mu     sync.Mutex
	n      int
	closed bool
	ended  chan struct{}
}

func (f *flight) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.n++
	}
	return !f.closed
}

func (f *flight) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n == 0 && f.closed {
		close(f.ended)
	}
}

// ends reports whether nothing begins any more.
func (f *flight) ends() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// close lets nothing more begin. The channel is closed when nothing is under way.
func (f *flight) close() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed, f.ended = true, make(chan struct{})
		if f.n == 0 {
			close(f.ended)
		}
	}
	return f.ended
}
