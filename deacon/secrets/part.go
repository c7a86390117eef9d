// Package secrets is the part of the Deacon that keeps the Town's secrets at hand: it
// opens the sources that the settings name, has a Vault among them read, renewed and read
// again, and tells what is missing. The Deacon starts with what there is.
package secrets

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/control"
	"gastown/deacon/part"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/plugin"
	"gastown/town/rig"
	"gastown/town/secrets"
	"gastown/town/secrets/backend"
	"gastown/town/secrets/vault"
)

const (
	// patience is how long a reload waits for Vault.
	patience = 5 * time.Second
	// ending is how long the end of a login may take.
	ending = time.Second
	// soon is how long before its end a token is a warning.
	soon = 7 * 24 * time.Hour
)

// Host is what the part needs of the Deacon.
type Host interface {
	Layout() layout.Town
	Config() *config.Config
	Now() time.Time
	Log() logrus.FieldLogger
	Getenv(string) string
	// Secrets finds secrets in the sources that the part gives it.
	Secrets() *secrets.Resolver
	PluginSet() *plugin.Set
	RigSettings() ([]rig.Settings, error)
	// Reload has all parts take over the settings, and with them the secrets.
	Reload() error
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host Host
	life context.Context // ends with the Deacon

	reloads sync.WaitGroup // reloads that changes at Vault began

	mu    sync.Mutex
	vault *vault.Source // nil when the settings name none
	end   func()        // ends its Run, and waits for that
}

var (
	_ part.Starter    = (*Part)(nil)
	_ part.Stopper    = (*Part)(nil)
	_ part.Reloaded   = (*Part)(nil)
	_ part.Checked    = (*Part)(nil)
	_ part.Controlled = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part { return &Part{host: h} }

// Name implements part.Part.
func (p *Part) Name() string { return "secrets" }

// Start implements part.Starter. It does not wait for Vault: who needs a secret does.
func (p *Part) Start(ctx context.Context) error {
	p.life = ctx
	p.open(p.host.Config())
	return nil
}

// Stop implements part.Stopper: it logs out of Vault.
func (p *Part) Stop(ctx context.Context) error {
	err := p.close(ctx)
	p.reloads.Wait()
	return err
}

// Reload implements part.Reloaded. Everything is read again; other parts are told of the
// reload after this one, and find what was read.
func (p *Part) Reload(before, now *config.Config) {
	if !backend.Same(before, now) {
		if err := p.close(context.Background()); err != nil {
			p.host.Log().WithError(err).Warn("the former login at Vault was not ended")
		}
		p.open(now)
		return
	}
	p.mu.Lock()
	v := p.vault
	p.mu.Unlock()
	if v == nil {
		return
	}
	ctx, cancel := context.WithTimeout(p.life, patience)
	defer cancel()
	if _, err := v.Refresh(ctx); err != nil {
		p.host.Log().WithError(err).Warn("the secrets were not read again from Vault")
	}
}

// open opens the sources and tends a Vault among them.
func (p *Part) open(c *config.Config) {
	if p.life.Err() != nil {
		return // a reload came with the end
	}
	sources, v := backend.Open(c, backend.Options{Getenv: p.host.Getenv, File: p.host.Layout().Secrets(), Tended: true, Now: p.host.Now})
	p.host.Secrets().Set(sources...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.vault, p.end = v, func() {}
	if v == nil {
		return
	}
	ctx, cancel := context.WithCancel(p.life)
	var under sync.WaitGroup
	under.Go(func() {
		v.Run(ctx, func() {
			p.host.Log().Info("secrets have changed at Vault")
			// Not awaited: a reload under way may be waiting for the end of Run.
			p.reloads.Go(func() { _ = p.host.Reload() }) // its own log tells when it fails
		})
	})
	p.end = func() { cancel(); under.Wait() }
}

// close ends what open began.
func (p *Part) close(ctx context.Context) error {
	p.mu.Lock()
	v, end := p.vault, p.end
	p.vault, p.end = nil, nil
	p.mu.Unlock()
	p.host.Secrets().Set()
	if end != nil {
		end()
	}
	if v == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ending)
	defer cancel()
	return v.Close(ctx)
}

// survey looks for all secrets of the Town.
func (p *Part) survey(ctx context.Context) control.Secrets {
	rigs, err := p.host.RigSettings()
	if err != nil {
		p.host.Log().WithError(err).Debug("the rigs were not read") // they are somebody else's to tell of
	}
	a := Asked{Config: p.host.Config(), Rigs: rigs, Secrets: p.host.Secrets(), Getenv: p.host.Getenv}
	for _, s := range p.host.PluginSet().States() {
		a.Plugins = append(a.Plugins, s.Entry)
	}
	return Survey(ctx, a)
}

// Control implements part.Controlled: GET /v1/secrets is for gt secrets check.
func (p *Part) Control(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/secrets", func(w http.ResponseWriter, r *http.Request) {
		control.Reply(w, p.survey(r.Context()), nil)
	})
}

// Checks implements part.Checked.
func (p *Part) Checks(*config.Config) []check.Check {
	return []check.Check{{Name: "secrets", Help: "the secrets that the configuration refers to", Run: func(ctx context.Context) (check.Result, error) {
		return judge(p.survey(ctx), p.host.Now()), nil
	}}}
}

// judge is the result of the check secrets.
func judge(s control.Secrets, now time.Time) check.Result {
	r := check.Result{State: check.Healthy, Threshold: "all are there"}
	warn := func(figure string) { r.State, r.Figure, r.Next = check.Warning, figure, "gt secrets check" }
	names := missing(s)
	switch {
	case len(names) > 0:
		warn(town.Plural(len(names), "secret is missing", "secrets are missing"))
	case s.Problem != "":
		warn("a source of secrets cannot be used")
	case !s.Ends.IsZero() && s.Ends.Sub(now) < soon:
		warn("the token for Vault ends at " + s.Ends.UTC().Format(time.RFC3339))
	case len(s.Uses) == 0:
		r.Figure = "none is used"
	default:
		r.Figure = town.Plural(len(s.Uses), "use", "uses")
	}
	if r.State == check.Healthy {
		return r
	}
	if s.Problem != "" {
		detail := town.Clip(town.Plain(s.Problem), 300)
		if !s.Since.IsZero() {
			detail += ", since " + s.Since.UTC().Format(time.RFC3339)
		}
		r.Details = append(r.Details, detail)
	}
	for _, u := range s.Uses {
		if u.Missing() && len(r.Details) < 10 {
			r.Details = append(r.Details, town.Clip(u.For+" lacks "+u.Name, 200))
		}
	}
	return r
}
