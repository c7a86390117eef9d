package host

import (
	"context"
	"errors"

	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/control"
	"gastown/tmux"
	"gastown/town"
	"gastown/town/plugin"
	"gastown/town/plugin/builtin"
	"gastown/town/plugin/program"
	"gastown/town/secrets"
	"gastown/town/secrets/backend"
)

// Programs runs the programs of plugins. tag tells runs of this call apart from those of
// the Deacon, which is "".
func (h *Host) Programs(tag string) (*program.Runner, error) {
	self, err := h.call.Executable()
	if err != nil {
		return nil, err
	}
	dir := h.Layout.PluginRuns()
	return &program.Runner{
		Base: h.call.Env, Town: h.Layout.Root, Dir: dir, Tag: tag, Launcher: []string{self}, Limiter: h.limiter(dir),
	}, nil
}

// Secrets finds the secrets that the Town's configuration refers to, as this call sees
// them. The caller closes it.
func (h *Host) Secrets() *secrets.Resolver {
	sources, _ := backend.Open(h.Config, backend.Options{Getenv: h.call.Getenv, File: h.Layout.Secrets(), Now: h.call.Now})
	return secrets.New(sources...)
}

// WithSecrets has the host find the secrets of backups as the Deacon does, instead of as its
// call sees them.
func (h *Host) WithSecrets(from *secrets.Resolver) *Host {
	h.secrets = from
	return h
}

// foundSecrets returns those of the named secrets that there are.
func (h *Host) foundSecrets(ctx context.Context, names []string) (_ map[string]string, err error) {
	from := h.secrets
	if from == nil {
		from = h.Secrets()
		defer func() { err = errors.Join(err, from.Close(context.WithoutCancel(ctx))) }()
	}
	found := map[string]string{}
	for _, name := range names {
		value, err := from.Lookup(ctx, name)
		var missing *secrets.Missing
		switch {
		case errors.As(err, &missing):
		case err != nil:
			return nil, err
		default:
			found[name] = value
		}
	}
	return found, nil
}

// PluginTypes is the table of the types of plugins, for this call.
func (h *Host) PluginTypes(log logrus.FieldLogger, tag string) (plugin.Types, error) {
	programs, err := h.Programs(tag)
	if err != nil {
		return nil, err
	}
	look := check.Town{Layout: h.Layout, Config: h.Config, Now: h.call.Now, Operational: h.Rows, Sessions: func(ctx context.Context) ([]tmux.Session, error) {
		return tmux.Server{Socket: h.Layout.Tmux(), Env: h.call.Env}.Sessions(ctx)
	}}
	return builtin.Types(builtin.Services{
		Now: h.call.Now, Log: log, Operational: h.Rows, Ledger: h.WithLedger, Feed: h.Feed(), Programs: programs,
		Look: look.Look, Query: h.query,
	}), nil
}

// query asks the Deacon for the present values of an expression in PromQL.
func (h *Host) query(ctx context.Context, expr string) (values []float64, err error) {
	client, _, err := Reach(ctx, h.Layout, "evaluate "+town.Clip(town.Visible(expr), 80))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	lines, err := client.Figures(ctx, control.Question{Expr: expr})
	for _, l := range lines {
		values = append(values, l.Last())
	}
	return values, err
}

// Plugins are the plugins of the file as this call would run them. The caller closes the
// set.
func (h *Host) Plugins(log logrus.FieldLogger, tag string) (*plugin.Set, error) {
	types, err := h.PluginTypes(log, tag)
	if err != nil {
		return nil, err
	}
	from := h.Secrets()
	return plugin.NewSet(plugin.Options{
		Path: h.Layout.Plugins(), Types: types, Secrets: from, Closed: from.Close, Log: log, Now: h.call.Now,
	}), nil
}
