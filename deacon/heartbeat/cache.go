package heartbeat

import (
	"context"
	"sync"
	"time"

	"gastown/cache"
	"gastown/deacon/control"
	"gastown/deacon/part"
)

// agentSize is about how many bytes an agent takes in the list.
const agentSize = 400

func listSize(all []control.Agent) int64 { return int64(len(all)) * agentSize }

// list caches the written agents, within the memory that all caches share.
type list struct {
	host Host

	mu      sync.Mutex
	budget  *cache.Budget
	now     *cache.Cache[[]control.Agent] // nil while caches are disabled
	earlier cache.Stats                   // of caches that were replaced
}

// current is the cache; it is replaced when the settings change.
func (l *list) current() *cache.Cache[[]control.Agent] {
	budget := l.host.Budget()
	l.mu.Lock()
	defer l.mu.Unlock()
	if budget == l.budget {
		return l.now
	}
	l.earlier, l.budget, l.now = l.stats(), budget, nil
	l.earlier.Entries, l.earlier.Bytes = 0, 0
	if budget != nil {
		l.now = cache.New(cache.Options[[]control.Agent]{
			Name: control.CacheAgents, Entries: 1, TTL: life, Budget: budget, Size: listSize, Now: l.host.Now,
		})
	}
	return l.now
}

// stats of all caches there were. The caller holds mu.
func (l *list) stats() cache.Stats {
	now := cache.Stats{Name: control.CacheAgents}
	if l.now != nil {
		now = l.now.Stats()
	}
	return part.Total(now, l.earlier)
}

// load returns the value cached under token, or reads it.
func (l *list) load(ctx context.Context, token string, read func(context.Context) ([]control.Agent, error)) ([]control.Agent, error) {
	c := l.current()
	if c == nil {
		return read(ctx)
	}
	return c.Load(ctx, token, "alive", read)
}

// Caches implements part.Caching.
func (p *Part) Caches() []part.Cache { return []part.Cache{agentCache{p}} }

// agentCache is the list of agents for gt cache.
type agentCache struct{ part *Part }

func (c agentCache) Kind() string { return control.CacheAgents }

func (c agentCache) Stats() cache.Stats {
	l := &c.part.list
	l.current()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats()
}

func (c agentCache) Clear() int {
	if now := c.part.list.current(); now != nil {
		return now.Clear()
	}
	return 0
}

func (c agentCache) Sweep() {
	if now := c.part.list.current(); now != nil {
		now.Sweep()
	}
}

func (c agentCache) Warm(ctx context.Context, _ time.Duration) (part.Warmed, error) {
	all, err := c.part.alive(ctx)
	return part.Warmed{Read: len(all)}, err
}
