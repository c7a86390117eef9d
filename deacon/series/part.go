// Package series is the part of the Deacon that records the Town's metrics over time. In
// each round, every 15 seconds (monitor.interval), it gathers the metrics of all parts and
// the Town's key figures, stores them (town/series), and evaluates the rules of
// deacon/rules.yaml; a rule that fires is an alert, a row of the operational plane. It
// answers PromQL queries on the control socket, and under /api/v1 as Prometheus does.
//
// The planes are read only when they changed. While monitor.performance is off, the part
// does nothing: no goroutine runs and no file is open. Damaged files and malformed rules
// do not stop the Deacon; the check metrics reports them.
package series

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/part"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/series"
)

// roundTime bounds one round.
const roundTime = 10 * time.Second

// Host is what the part needs of the Deacon.
type Host interface {
	Layout() layout.Town
	Config() *config.Config
	Now() time.Time
	Inputs() string
	Log() logrus.FieldLogger
	Operational(context.Context, func(*operational.Store) error) error
	Ledger(context.Context, func(*ledger.Store) error) error
	Gatherer() prometheus.Gatherer
	Series() *series.Store
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host Host
	*gauges

	life context.Context // that of Start
	run  sync.Mutex      // held while rounds are begun or ended
	stop func()          // ends the rounds; nil while there are none
	wake chan struct{}   // asks a round to look at the rules anew

	planes sync.Mutex // held while planes are used
	paused bool

	mu       sync.Mutex // guards what follows, for the check and questions
	rules    []byte     // in force
	problem  error      // why the present file of rules is not
	failed   []string   // rules that could not be judged
	refused  []string   // rules that fire with labels that no alert may have
	appended error      // of the last round
}

var (
	_ part.Starter    = (*Part)(nil)
	_ part.Stopper    = (*Part)(nil)
	_ part.Reloaded   = (*Part)(nil)
	_ part.Paused     = (*Part)(nil)
	_ part.Checked    = (*Part)(nil)
	_ part.Measured   = (*Part)(nil)
	_ part.Controlled = (*Part)(nil)
	_ part.Web        = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{host: h, gauges: newGauges(), wake: make(chan struct{}, 1), rules: series.DefaultRules}
}

// Name implements part.Part.
func (p *Part) Name() string { return "series" }

// Start implements part.Starter.
func (p *Part) Start(ctx context.Context) error {
	p.life = ctx
	p.readRules(true)
	p.begin()
	return nil
}

// Stop implements part.Stopper.
func (p *Part) Stop(context.Context) error {
	p.end()
	return p.host.Series().Stop()
}

// Reload implements part.Reloaded.
func (p *Part) Reload(before, now *config.Config) {
	for _, key := range []string{"monitor.performance", "monitor.interval", "monitor.keep", "monitor.size"} {
		was, _, _ := before.Get(key)
		if is, _, _ := now.Get(key); is != was {
			p.end()
			if err := p.host.Series().Stop(); err != nil {
				p.host.Log().WithError(err).Warn("the files of metrics were not closed cleanly")
			}
			break
		}
	}
	p.readRules(false)
	p.begin()
}

// Pause implements part.Paused.
func (p *Part) Pause(context.Context) error {
	p.planes.Lock()
	defer p.planes.Unlock()
	p.paused = true
	return nil
}

// Resume implements part.Paused.
func (p *Part) Resume() {
	p.planes.Lock()
	defer p.planes.Unlock()
	p.paused = false
}

// on reports whether figures are to be kept.
func (p *Part) on() bool {
	on, err := p.host.Config().Bool("monitor.performance")
	return err == nil && on
}

// begin begins the rounds, if they are wanted and there are none. Otherwise it asks for a
// look at the rules.
func (p *Part) begin() {
	p.run.Lock()
	defer p.run.Unlock()
	if p.stop != nil {
		select {
		case p.wake <- struct{}{}:
		default:
		}
		return
	}
	ctx, cancel := context.WithCancel(p.life)
	if !p.on() {
		defer cancel()
		p.reset()
		p.settle(ctx, nil)
		return
	}
	cfg := p.host.Config()
	p.host.Series().Bound(part.Duration(cfg, "monitor.keep"), part.Bytes(cfg, "monitor.size"))
	r := newRounds(p, part.Duration(cfg, "monitor.interval"))
	var group sync.WaitGroup
	group.Go(func() { r.loop(ctx) })
	p.stop = func() { cancel(); group.Wait() }
}

// end ends the rounds and waits for the last one.
func (p *Part) end() {
	p.run.Lock()
	defer p.run.Unlock()
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// use calls fn unless the planes are lent. It reports whether it did.
func (p *Part) use(fn func() error) (used bool, err error) {
	p.planes.Lock()
	defer p.planes.Unlock()
	if p.paused {
		return false, nil
	}
	return true, fn()
}

// caught calls fn, and turns a panic into an error.
func caught(fn func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("a mistake of the program: %v\n%s", cause, town.Clip(string(debug.Stack()), 2000))
		}
	}()
	return fn()
}

// Checks implements part.Checked.
func (p *Part) Checks(*config.Config) []check.Check {
	return []check.Check{{Name: "metrics", Help: "metrics over time, and the rules on them", Run: func(context.Context) (check.Result, error) {
		return p.judge(), nil
	}}}
}

// judge is the result of the check metrics.
func (p *Part) judge() check.Result {
	r := check.Result{State: check.Healthy, Threshold: "figures are kept, rules are judged", Figure: "kept"}
	if !p.on() {
		r.Figure = "off: gt monitor enable --type=performance"
		return r
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	trouble := func(figure, next string, details ...string) {
		r.State, r.Figure, r.Next = check.Warning, figure, next
		for _, d := range details {
			r.Details = append(r.Details, town.Clip(town.Plain(d), 500))
		}
	}
	if len(p.refused) > 0 {
		trouble(fmt.Sprintf("%d rule(s) fire with labels that no alert may have, so they are told without them", len(p.refused)),
			"correct deacon/rules.yaml", p.refused[:min(len(p.refused), 5)]...)
	}
	if len(p.failed) > 0 {
		trouble(fmt.Sprintf("%d rule(s) cannot be judged", len(p.failed)), "correct deacon/rules.yaml", p.failed[:min(len(p.failed), 5)]...)
	}
	if p.problem != nil {
		trouble("deacon/rules.yaml is not in force", town.Next(p.problem), town.Message(p.problem))
	}
	if p.appended != nil {
		trouble("no figures are kept", town.Next(p.appended), p.appended.Error())
	}
	return r
}

// HTTP implements part.Web.
func (p *Part) HTTP(mux *http.ServeMux) {
	api := series.API(p.host.Series().Reader, p.host.Now)
	for _, path := range []string{"query", "query_range", "labels", "label/", "series", "status/buildinfo"} {
		for _, method := range []string{"GET", "POST"} { // a pattern for all methods would contradict one for all paths
			mux.Handle(method+" /api/v1/"+path, api)
		}
	}
}

// inForce are the rules in force.
func (p *Part) inForce() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rules
}
