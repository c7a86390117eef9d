package deacon

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/cache"
	"gastown/deacon/check"
	"gastown/deacon/commands"
	"gastown/deacon/control"
	"gastown/deacon/deliverer"
	"gastown/deacon/dispatcher"
	"gastown/deacon/part"
	"gastown/deacon/recorder"
	"gastown/deacon/refinery"
	"gastown/deacon/schedule"
	"gastown/deacon/settings"
	"gastown/deacon/spending"
	"gastown/deacon/stores"
	"gastown/deacon/witness"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/federate"
	"gastown/sync/hooks"
	"gastown/tmux"
	"gastown/town/config"
	"gastown/town/feed"
	"gastown/town/layout"
	"gastown/town/plugin"
	"gastown/town/plugin/builtin"
	"gastown/town/plugin/health"
	"gastown/town/rig"
	"gastown/town/secrets"
	"gastown/town/series"
	costs "gastown/town/spending"
)

// host is what the parts may use. Each part lists what it needs in its own
// interface Host. The host holds what the Deacon owns, but not the Deacon itself.
type host struct {
	opts     Options
	started  time.Time
	records  *recorder.Recorder
	refused  func(listener, reason string)
	own      *own // nil until the lock is taken
	duty     *duty
	settings *settings.Owner // nil until the settings are read
	stores   *stores.Stores
	feed     *feed.Feed
	gatherer prometheus.Gatherer  // all metrics of the Deacon
	figures  *series.Store        // closed until the part series opens it
	reloads  atomic.Int64         // of the settings
	signs    map[string]feed.Sign // of the planes about work, by name
	plugins  *plugin.Set
	secrets  *secrets.Resolver
	// jobsChanged is set by the Deacon.
	jobsChanged func()
	jobs        *schedule.Scheduler // nil until the planes are open
	// parts are the parts of the list, then those that the Deacon itself owns.
	// starts are the same parts in the order of the start, in which the Deacon's
	// own come first because the others may use them.
	parts, starts []part.Part
}

func newHost(o Options) *host {
	h := &host{opts: o, started: o.Now().UTC(), duty: newDuty(o.Layout.Instance())}
	h.stores = stores.New(stores.Options{Log: o.Log, Database: o.Database, Config: h.Config, Own: h.checkOwn, Pause: h.pause, Resume: h.resume})
	h.signs = map[string]feed.Sign{layout.Operational: h.sign(layout.Operational), layout.Ledger: h.sign(layout.Ledger)}
	h.feed = feed.New(feed.Options{
		Operational: h.stores.Operational, Ledger: h.ledger, Now: o.Now,
		OperationalSign: h.signs[layout.Operational], LedgerSign: h.signs[layout.Ledger],
	})
	h.records = recorder.New(recorder.Options{Log: o.Log, Now: o.Now, Operational: h.stores.Operational, Appended: h.feed.Wake})
	h.secrets = secrets.New() // the part secrets gives it its sources
	h.figures = series.New(series.Options{Dir: o.Layout.Series(), Log: o.Log, Now: o.Now, Own: h.checkOwn})
	h.plugins = plugin.NewSet(plugin.Options{
		Path: o.Layout.Plugins(), Kept: o.Layout.PluginsKept(), Log: o.Log, Now: o.Now,
		Secrets: h.secrets,
		Types: builtin.Types(builtin.Services{
			Now: o.Now, Log: o.Log, Operational: h.stores.Operational, Ledger: h.ledger, Feed: h.feed,
			Programs: o.Programs, Look: h.look, Query: h.query,
		}),
	})
	services := []part.Part{h.records, stored{h.stores}}
	for _, make := range parts {
		if p := make(h); p != nil {
			h.parts = append(h.parts, p)
		}
	}
	h.starts = slices.Concat(services, h.parts)
	h.parts = slices.Concat(h.parts, services)
	return h
}

// Layout has the paths of the Town.
func (h *host) Layout() layout.Town { return h.opts.Layout }

// Version is the version of gt.
func (h *host) Version() string { return h.opts.Version }

// Started is when the Deacon started.
func (h *host) Started() time.Time { return h.started }

// Now is the current time.
func (h *host) Now() time.Time { return h.opts.Now() }

// Log is the Deacon's log.
func (h *host) Log() logrus.FieldLogger { return h.opts.Log }

// Config is the configuration in force.
func (h *host) Config() *config.Config { return h.settings.Config() }

// Tune puts values in force for settings that nobody set; see settings.Owner.
func (h *host) Tune(values map[string]string) error { return h.settings.Tune(values) }

// BeginTuned is Tune for the start of the part that tunes, which is the first.
func (h *host) BeginTuned(values map[string]string) {
	h.settings.Begin(values)
	h.stores.Configure(h.Config())
}

// Engine returns a new engine of the federation.
func (h *host) Engine(cfg *config.Config) *federate.Engine { return h.opts.Engine(cfg) }

// Rigs are the Town's rigs, which tell the feed what happens to sandboxes.
func (h *host) Rigs() *rig.Yard {
	yard := h.opts.Rigs()
	yard.Tell = func(ctx context.Context, n rig.Notice) {
		_ = h.Feed().Append(ctx, feed.Event{Kind: n.Kind, Subject: n.Sandbox, Text: n.Text, Data: n.Data})
	}
	return yard
}

// RigSettings are the settings of the Town's rigs.
func (h *host) RigSettings() ([]rig.Settings, error) {
	if h.opts.Rigs == nil {
		return nil, nil
	}
	return h.opts.Rigs().Load()
}

// Prices are what models cost. With an error they are the last that could be read.
func (h *host) Prices() (costs.Prices, error) {
	if h.opts.Spending == nil {
		return costs.ParsePrices(nil)
	}
	means, err := h.opts.Spending(h.Config(), h.stores.Operational)
	if err != nil {
		return costs.Prices{}, err
	}
	return means.Prices()
}

// Contacts returns when each remote last confirmed an exchange. It contacts no remote.
func (h *host) Contacts() ([]federate.Contact, error) {
	cfg := h.Config()
	return h.Engine(cfg).Contacts(federate.ConfiguredAll(cfg.Remotes))
}

// Secret replaces ${NAME} in a text by the secret of that name.
func (h *host) Secret(ctx context.Context, text string) (string, error) {
	return h.secrets.Expand(ctx, text, secrets.Values{})
}

// Secrets finds secrets. The part secrets says where.
func (h *host) Secrets() *secrets.Resolver { return h.secrets }

// Getenv looks up variables of the environment that the Deacon was started with.
func (h *host) Getenv(name string) string {
	if h.opts.Getenv == nil {
		return ""
	}
	return h.opts.Getenv(name)
}

// Reload reads the settings again and has all parts take them over.
func (h *host) Reload() error { return h.settings.Reload() }

// Report has the jobs, and what the parts report.
func (h *host) Report() (s control.Status) {
	for _, j := range h.jobs.Jobs() {
		s.Jobs = append(s.Jobs, job(j))
	}
	for _, p := range offering[part.Reporting](h.parts) {
		p.Status(&s)
	}
	return s
}

// Sessions lists the Town's tmux sessions.
func (h *host) Sessions(ctx context.Context) ([]tmux.Session, error) { return h.opts.Sessions(ctx) }

// Verify checks whether a notification is authentic.
func (h *host) Verify(r *http.Request) error {
	if h.opts.Verify == nil {
		return hooks.ErrNoSecret
	}
	return h.opts.Verify(r)
}

// Beat records a heartbeat. It fails with town.ErrBusy when too many wait.
func (h *host) Beat(b operational.Heartbeat) error { return h.records.Beat(b) }

// Written returns a value that changes whenever heartbeats were written.
func (h *host) Written() string { return h.records.Written() }

// CheckChanged records the new state of a check. detail is for the feed.
func (h *host) CheckChanged(c operational.CheckState, detail string) {
	h.records.CheckChanged(c, detail)
}

// Prepare parses the call of a front.
func (h *host) Prepare(c commands.Call) commands.Command { return h.opts.Commands(h.stores, c) }

// Refused counts, by reason, a connection that was not served.
func (h *host) Refused(listener, reason string) { h.refused(listener, reason) }

// Feed is the Town's stream of events.
func (h *host) Feed() *feed.Feed { return h.feed }

// Plugins are the plugins in force that can be called as one of a type, such as
// plugin.Notification.
func (h *host) Plugins(kind string) []*plugin.Instance { return h.plugins.Plugins(kind) }

// Gatherer gathers all metrics of the Deacon.
func (h *host) Gatherer() prometheus.Gatherer { return h.gatherer }

// Series are the Town's figures over time. They answer series.ErrOff while none are kept.
func (h *host) Series() *series.Store { return h.figures }

// PluginSet is for the part that loads and closes the plugins.
func (h *host) PluginSet() *plugin.Set { return h.plugins }

// JobsChanged rebuilds the table of jobs.
func (h *host) JobsChanged() { h.jobsChanged() }

// look looks at something of the Town for a plugin.
func (h *host) look(ctx context.Context, what string, a health.Args) (plugin.Finding, error) {
	t := check.Town{Layout: h.opts.Layout, Config: h.Config(), Now: h.opts.Now, Sessions: h.opts.Sessions, Operational: h.Operational}
	return t.Look(ctx, what, a)
}

// query evaluates PromQL for a plugin.
func (h *host) query(ctx context.Context, expr string) (values []float64, err error) {
	lines, err := h.figures.At(ctx, expr, h.opts.Now())
	for _, l := range lines {
		values = append(values, l.Last())
	}
	return values, err
}

// Ledger calls fn with the Town's ledger, under the Deacon's name.
func (h *host) Ledger(ctx context.Context, fn func(*ledger.Store) error) error {
	return h.ledger(ctx, fn)
}

// Typing returns the sessions that nudges are typed into.
func (h *host) Typing() deliverer.Typing { return h.opts.Typing }

// Refineries makes the merge queues of the Town's rigs.
func (h *host) Refineries() refinery.Refineries { return h.opts.Refineries }

// Patrols makes the Witness of the Town's rigs.
func (h *host) Patrols() witness.Patrols { return h.opts.Patrols }

// Spending makes the means to follow what agents spend.
func (h *host) Spending() spending.Spending { return h.opts.Spending }

// Workers makes what drives the Town's workers.
func (h *host) Workers() dispatcher.Workers { return h.opts.Workers }

// ledger calls fn with the Town's ledger.
func (h *host) ledger(ctx context.Context, fn func(*ledger.Store) error) error {
	if s, release, ok := h.stores.Ledger(ctx); ok {
		defer release()
		return fn(s)
	}
	if err := h.checkOwn(); err != nil {
		return err
	}
	cfg := h.Config()
	s, err := ledger.Open(ctx, h.opts.Database(cfg, layout.Ledger), cfg.Stores[layout.Ledger])
	if err != nil {
		return err
	}
	return errors.Join(fn(s), s.Close())
}

// Operational calls fn with the operational plane.
func (h *host) Operational(ctx context.Context, fn func(*operational.Store) error) error {
	return h.stores.Operational(ctx, fn)
}

// Collect collects the garbage of a plane: always, or only if its files have grown
// enough. did reports whether it collected.
func (h *host) Collect(ctx context.Context, plane string, always bool) (did bool, err error) {
	return h.stores.Collect(ctx, plane, always)
}

// Budget is the memory that all caches share; nil while nothing may be cached.
func (h *host) Budget() *cache.Budget { return h.stores.Budget() }

// Uncached says why nothing of the ledger is cached; nil if it is.
func (h *host) Uncached() error {
	if h.stores.Served() {
		return nil
	}
	return stores.ErrNotServed
}

// Checks returns the checks of all parts, with the thresholds in force.
func (h *host) Checks() (all []check.Check) {
	for _, p := range offering[part.Checked](h.parts) {
		all = append(all, p.Checks(h.Config())...)
	}
	return all
}

// Caches returns the caches of all parts.
func (h *host) Caches() (all []part.Cache) {
	for _, p := range offering[part.Caching](h.parts) {
		all = append(all, p.Caches()...)
	}
	return all
}

// WokenBy are the jobs that an event of a kind wakes.
func (h *host) WokenBy(kind string) (jobs []string) {
	for _, p := range offering[part.Woken](h.parts) {
		if job, by := p.Woken(); by(kind) {
			jobs = append(jobs, job)
		}
	}
	return jobs
}

// StartJob starts a job now and does not wait for it.
func (h *host) StartJob(name string) error { return h.jobs.Start(name) }

// DoJobs runs jobs now, at the same time, and waits for all of them.
func (h *host) DoJobs(ctx context.Context, names []string) ([]schedule.Run, error) {
	type answer struct {
		run schedule.Run
		err error
	}
	answers := make([]chan answer, len(names))
	for i, name := range names {
		answers[i] = make(chan answer, 1)
		go func() {
			run, err := h.jobs.Do(ctx, name)
			answers[i] <- answer{run, err}
		}()
	}
	var out []schedule.Run
	var failed []error
	for _, c := range answers {
		a := <-c
		if a.err != nil {
			failed = append(failed, a.err)
			continue
		}
		out = append(out, a.run)
	}
	return out, errors.Join(failed...)
}

// pause tells the parts that the planes are about to be lent.
func (h *host) pause(ctx context.Context) error {
	var failed []error
	for _, p := range offering[part.Paused](h.parts) {
		failed = append(failed, p.Pause(ctx))
	}
	return errors.Join(failed...)
}

func (h *host) resume() {
	for _, p := range offering[part.Paused](h.parts) {
		p.Resume()
	}
}
