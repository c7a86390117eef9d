// Package caches is the part of the Deacon for gt cache: it shows the statistics of
// all caches, clears them, and reads ahead.
package caches

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gastown/cache"
	"gastown/deacon/control"
	"gastown/deacon/guard"
	"gastown/deacon/part"
	"gastown/town"
	"gastown/town/config"
)

// maxWarm bounds how long one request reads ahead.
const maxWarm = 10 * time.Second

// errDisabled reports that caches are disabled.
var errDisabled = errors.New("cache.enabled is false")

// Host is what the part needs of the Deacon.
type Host interface {
	Config() *config.Config
	// Caches are those of all parts.
	Caches() []part.Cache
	// Uncached is the reason why nothing of the ledger is cached although caches
	// are enabled; nil if it is cached.
	Uncached() error
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct{ host Host }

var (
	_ part.Controlled = (*Part)(nil)
	_ part.Measured   = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part { return &Part{h} }

// Name implements part.Part.
func (p *Part) Name() string { return "caches" }

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector {
	return []prometheus.Collector{newCollector(func() []cache.Stats { return p.levels() })}
}

// Control implements part.Controlled.
func (p *Part) Control(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/cache", func(w http.ResponseWriter, _ *http.Request) { control.Reply(w, p.stats(), nil) })
	mux.HandleFunc("POST /v1/cache", func(w http.ResponseWriter, r *http.Request) {
		var in control.CacheRequest
		if !guard.ReadJSON(w, r, &in) {
			return
		}
		if err := in.Validate(); err != nil {
			guard.Refuse(w, r, guard.Malformed, http.StatusBadRequest)
			return
		}
		out, err := p.do(r.Context(), in)
		control.Reply(w, out, err)
	})
}

func (p *Part) enabled() bool { return part.Bool(p.host.Config(), "cache.enabled") }

// ordered are the caches in the order of control.CacheTypes.
func (p *Part) ordered() (all []part.Cache) {
	for _, kind := range control.CacheTypes {
		for _, c := range p.host.Caches() {
			if c.Kind() == kind {
				all = append(all, c)
			}
		}
	}
	return all
}

func (p *Part) levels() (all []cache.Stats) {
	for _, c := range p.ordered() {
		all = append(all, c.Stats())
	}
	return all
}

// stats answers gt cache stats.
func (p *Part) stats() control.CacheStats {
	cfg := p.host.Config()
	out := control.CacheStats{Enabled: p.enabled(), TTL: part.Duration(cfg, "cache.ttl").Seconds(), Levels: p.levels()}
	if !out.Enabled {
		out.Why = errDisabled.Error()
		return out
	}
	out.MaxBytes = part.Bytes(cfg, "cache.memory_size")
	if err := p.host.Uncached(); err != nil {
		out.Why = town.Plain(err.Error())
	}
	return out
}

// do clears caches, reads ahead, or both.
func (p *Part) do(ctx context.Context, in control.CacheRequest) ([]control.CacheDone, error) {
	within := maxWarm
	if in.Within > 0 {
		within = min(within, in.Within)
	}
	end := time.Now().Add(within)
	if !p.enabled() && in.Do != control.CacheClear {
		return nil, town.Fail("read ahead", "gt config cache.enabled true", "%w: %w", town.ErrRefused, errDisabled)
	}
	done := []control.CacheDone{}
	for _, c := range p.ordered() {
		if !slices.Contains(in.Types, c.Kind()) {
			continue
		}
		one := control.CacheDone{Type: c.Kind()}
		if in.Do != control.CacheWarmup {
			one.Cleared = c.Clear()
		}
		if in.Do != control.CacheClear {
			did, err := c.Warm(ctx, time.Until(end))
			if err != nil {
				return nil, err
			}
			one.Read, one.Left, one.Why = did.Read, did.Left, strings.Join(did.Why, "; ")
		}
		done = append(done, one)
	}
	return done, nil
}
