package cli

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/sync/federate"
	"gastown/sync/records"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/starter"
)

// tokenEnv is the variable that may hold an access token for HTTPS remotes.
const tokenEnv = "GT_GIT_TOKEN"

// tokenHostEnv names the host that token is for.
const tokenHostEnv = "GT_GIT_TOKEN_HOST"

// traceEnv asks for the duration of each step of a sync on standard error, in
// microseconds: for those who measure.
const traceEnv = "GT_TRACE"

// workplace is the Town a command works on, put together. Nothing of it is open:
// the engine opens the plane when it must.
type workplace struct {
	app      *App
	layout   layout.Town
	config   *config.Config
	engine   *federate.Engine
	reviews  *reviews
	progress *progress
}

// open finds the Town and reads its configuration.
func (a *App) open() (*workplace, error) {
	t, err := a.find()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(t.Config())
	if err != nil {
		return nil, err
	}
	return a.host(t, cfg), nil
}

func (a *App) host(t layout.Town, cfg *config.Config) *workplace {
	h := &workplace{app: a, layout: t, config: cfg.In(a.Getenv), progress: a.newProgress()}
	h.reviews = &reviews{host: h}
	texts := map[town.Key]string{}
	for _, d := range starter.Documents() {
		texts[d.Key] = d.Text
	}
	opts := federate.Options{
		Env:    os.Environ(),
		Layout: t, ID: cfg.Town.ID, Name: cfg.Town.Name, Actor: a.actor(cfg.Actor),
		Stores: &stores{host: h, last: cfg.Stores[layout.Federation]}, Starter: texts,
		Plane:   host.Database(t, cfg, layout.Federation),
		Reviews: h.reviews, Progress: h.progress.event,
		Wait: a.Wait, Command: a.running, Now: a.Now,
	}
	if a.plane != planeFederation {
		opts.Ledger = h
		opts.OnlyLedger = a.plane == planeLedger
	}
	opts.Approver = h
	if a.Getenv(traceEnv) != "" {
		opts.Trace = func(step string, took time.Duration) {
			fmt.Fprintf(a.Stderr, "trace %s %d\n", step, took.Microseconds())
		}
	}
	if a.Getenv(tokenEnv) != "" {
		opts.TokenEnv, opts.TokenHost = tokenEnv, h.tokenHost
	}
	h.engine = federate.New(opts)
	return h
}

// ledger opens the Town's work.
func (h *workplace) ledger(ctx context.Context) (*ledger.Store, error) {
	return ledger.Open(ctx, h.database(layout.Ledger), h.config.Stores[layout.Ledger])
}

// OpenLedger opens the Town's work, for the engine to share records of.
func (h *workplace) OpenLedger(ctx context.Context) (records.Ledger, error) {
	s, err := h.ledger(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// ApproveRules asks a person, for the engine, about rules that are new for a
// remote.
func (h *workplace) ApproveRules(_ context.Context, p records.Preview) error {
	if h.app.confirmShare == nil {
		return town.ErrRefused
	}
	h.progress.clear()
	return h.app.confirmShare(p)
}

// tokenHost is the host the token is for: the one that was named, else that of
// the Town's https remotes if they are all at one. Where there are several
// nobody can tell whose it is, so none gets it.
func (h *workplace) tokenHost(r federate.Remote) string {
	if named := h.app.Getenv(tokenHostEnv); named != "" {
		return named
	}
	only := ""
	for _, remote := range append(h.remotes(), r) {
		u, err := url.Parse(remote.URL)
		if err != nil || u.Scheme != "https" {
			continue
		}
		if only != "" && !strings.EqualFold(only, u.Host) {
			return ""
		}
		only = u.Host
	}
	return only
}

// find is the Town of --town or GT_ROOT, else the nearest one.
func (a *App) find() (layout.Town, error) { return shell.FindTown(a.Dir, a.Town) }

// abs resolves a path against the App's working directory.
func (a *App) abs(path string) string { return shell.Abs(a.Dir, path) }

// actor is who changes are recorded under.
func (a *App) actor(configured town.Actor) town.Actor { return shell.Actor(a.Getenv, configured) }

// change runs fn with the configuration locked and read anew, and saves
// what fn changed.
func (h *workplace) change(ctx context.Context, fn func(*config.Config) error) error {
	cfg, err := settings.Change(ctx, h.layout, h.app.running, h.app.Wait, fn)
	if cfg != nil {
		h.config = cfg.In(h.app.Getenv)
		h.tellChange(ctx)
	}
	return err
}

// remote finds a remote by name; without one, the only one or origin.
func (h *workplace) remote(name string) (federate.Remote, error) {
	op := "choose a remote"
	switch known := h.config.Remotes; {
	case len(known) == 0:
		return federate.Remote{}, town.Fail(op, "gt federation init URL (first Town) or gt federation join URL",
			"%w: this Town has no federation remote", town.ErrUsage)
	case name == "" && len(known) == 1:
		return federate.Remote(known[0]), nil
	case name == "":
		if r, ok := h.config.Remote(defaultRemote); ok {
			return federate.Remote(r), nil
		}
		return federate.Remote{}, town.Fail(op, "name one with --remote NAME; gt federation remote list shows them",
			"%w: there are %d and none is called %s", town.ErrUsage, len(known), defaultRemote)
	}
	if r, ok := h.config.Remote(name); ok {
		return federate.Remote(r), nil
	}
	return federate.Remote{}, town.Fail(op, "gt federation remote list shows them", "%w: there is no remote %q", town.ErrUsage, town.Clip(name, 64))
}

// remotes is every remote.
func (h *workplace) remotes() []federate.Remote {
	all := make([]federate.Remote, len(h.config.Remotes))
	for i, r := range h.config.Remotes {
		all[i] = federate.Remote(r)
	}
	return all
}
