package stores

import (
	"context"
	"errors"
	"sync"
	"time"

	"gastown/cache"
	"gastown/deacon/control"
	"gastown/deacon/part"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/config"
)

// caches are the ledger's caches. They outlive the store, which is reopened now and
// then.
type caches struct {
	mu      sync.Mutex
	now     *ledger.Caches // nil while cache.enabled is false
	limits  cacheLimits
	earlier map[string]cache.Stats // of caches that were replaced
}

// cacheLimits are the settings of the caches.
type cacheLimits struct {
	enabled bool
	bytes   int64
	ttl     time.Duration
}

// configure applies settings. Caches whose settings changed are replaced by empty
// ones.
func (c *caches) configure(cfg *config.Config) {
	limits := cacheLimits{part.Bool(cfg, "cache.enabled"), part.Bytes(cfg, "cache.memory_size"), part.Duration(cfg, "cache.ttl")}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.earlier != nil && limits == c.limits {
		return
	}
	earlier := map[string]cache.Stats{}
	for _, kind := range []string{control.CacheResults, control.CacheBeads} {
		s := c.stats(kind)
		s.Entries, s.Bytes = 0, 0
		earlier[kind] = s
	}
	c.limits, c.earlier, c.now = limits, earlier, nil
	if limits.enabled {
		c.now = ledger.NewCaches(limits.bytes, limits.ttl)
	}
}

func (c *caches) current() *ledger.Caches {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// stats are the counts of a kind since the Deacon started. The caller holds mu.
func (c *caches) stats(kind string) (s cache.Stats) {
	if c.now != nil {
		for _, one := range c.now.Stats() {
			if one.Name == kind {
				s = one
			}
		}
	}
	s.Name = kind
	return part.Total(s, c.earlier[kind])
}

// Budget is the memory that all caches share. It is replaced when cache.memory_size
// changes; nil while cache.enabled is false.
func (s *Stores) Budget() *cache.Budget {
	if c := s.caches.current(); c != nil {
		return c.Budget()
	}
	return nil
}

// Caches returns the ledger's caches: results of queries, and beads.
func (s *Stores) Caches() []part.Cache {
	return []part.Cache{ledgerCache{s, control.CacheResults}, ledgerCache{s, control.CacheBeads}}
}

// ledgerCache is one level of the ledger's caches.
type ledgerCache struct {
	stores *Stores
	kind   string
}

func (c ledgerCache) Kind() string { return c.kind }

func (c ledgerCache) Stats() cache.Stats {
	c.stores.caches.mu.Lock()
	defer c.stores.caches.mu.Unlock()
	return c.stores.caches.stats(c.kind)
}

func (c ledgerCache) Clear() int {
	now := c.stores.caches.current()
	if now == nil {
		return 0
	}
	return now.Clear(c.kind == control.CacheBeads, c.kind == control.CacheResults)
}

// Sweep drops expired entries from both levels.
func (c ledgerCache) Sweep() {
	if now := c.stores.caches.current(); now != nil && c.kind == control.CacheBeads {
		now.Sweep()
	}
}

// Warm reads the beads of open work, or the most frequent lists.
func (c ledgerCache) Warm(ctx context.Context, within time.Duration) (part.Warmed, error) {
	var none part.Warmed
	if !c.stores.Served() {
		return none, town.Fail("read ahead", "gt cache warmup --type=agent reads what the Deacon has",
			"%w: %w", town.ErrRefused, ErrNotServed)
	}
	store, release, ok := c.stores.Ledger(ctx)
	if !ok {
		return none, town.Fail("read ahead", "run the command again in a moment", "%w: the ledger is not open in the Deacon now", town.ErrBusy)
	}
	defer release()
	view := store.As(ledger.Session{Actor: store.Actor(), NoSuggestions: true})
	var w ledger.Warmed
	var err error
	if c.kind == control.CacheResults {
		w, err = view.WarmUsual(ctx, within)
	} else {
		w, err = view.Warm(ctx, ledger.Filter{Not: []town.Status{town.StatusClosed}}, within)
	}
	return part.Warmed{Read: w.Read, Left: w.Left, Why: w.Why}, err
}

// ErrNotServed is why nothing of the ledger is cached: the Deacon does not serve
// it.
var ErrNotServed = errors.New("the Deacon does not serve the ledger: commands read it themselves")
