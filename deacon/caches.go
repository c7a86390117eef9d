package deacon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/cache"
	"gastown/deacon/control"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

// agentsTTL is how long the list of agents is kept when none of them is heard.
const agentsTTL = agentLife

// agentBytes is about what an agent takes in the list.
const agentBytes = 400

func agentsSize(all []control.Agent) int64 { return int64(len(all)) * agentBytes }

// defaultWarm bounds how long one request reads ahead.
const defaultWarm = 10 * time.Second

// aliveKey is the one key of the list of agents.
const aliveKey = "alive"

// agents lists those whose heartbeat was seen lately, by name. What was written
// of them is read once, and again when more was written; what came since is in
// memory.
func (d *Deacon) agents(ctx context.Context) ([]control.Agent, error) {
	r := d.reads
	r.mu.Lock()
	list := r.agents
	r.mu.Unlock()
	read := func(ctx context.Context) (all []control.Agent, err error) {
		err = d.operational(ctx, func(s *operational.Store) error {
			beats, err := s.Heartbeats(ctx, d.opts.Now().Add(-agentLife))
			for _, h := range beats {
				all = append(all, toAgent(h))
			}
			return err
		})
		return all, err
	}
	token := d.records.written()
	var known []control.Agent
	var err error
	if list == nil {
		known, err = read(ctx)
	} else {
		known, err = list.Load(ctx, token, aliveKey, read)
	}
	if err != nil {
		return nil, err
	}
	return d.records.alive(known), nil
}

func toAgent(h operational.Heartbeat) control.Agent {
	return control.Agent{Heartbeat: control.Heartbeat{Agent: h.Agent, State: h.State, Note: h.Note}, At: h.At.UTC()}
}

// alive brings a list up to date with what was heard, and leaves out those who
// were silent for too long.
func (r *recorder) alive(known []control.Agent) []control.Agent {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := map[string]control.Agent{}
	for _, a := range known {
		last[a.Agent] = a
	}
	for _, h := range r.seen {
		if a := toAgent(h); !a.At.Before(last[h.Agent].At) {
			last[h.Agent] = a
		}
	}
	all := []control.Agent{}
	for _, a := range last {
		if r.now().Sub(a.At) <= agentLife {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b control.Agent) int { return strings.Compare(a.Agent, b.Agent) })
	return all
}

// written changes with every batch of heartbeats that was written.
func (r *recorder) written() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprint(r.batches)
}

// keeps does something with what is kept, for gt cache.
func (d *Deacon) keeps(ctx context.Context, in control.CacheRequest) ([]control.CacheDone, error) {
	r := d.reads
	r.mu.Lock()
	caches, agents := r.caches, r.agents
	r.mu.Unlock()
	within := defaultWarm
	if in.Within > 0 {
		within = min(within, in.Within)
	}
	end := time.Now().Add(within)
	done := []control.CacheDone{}
	if caches == nil && in.Do != control.CacheClear {
		return nil, town.Fail("read ahead", "gt config cache.enabled true", "%w: %w", town.ErrRefused, errUncached)
	}
	for _, kind := range control.CacheTypes {
		if !slices.Contains(in.Types, kind) {
			continue
		}
		one := control.CacheDone{Type: kind}
		if in.Do != control.CacheWarmup && caches != nil {
			switch kind {
			case control.CacheAgents:
				one.Cleared = agents.Clear()
			default:
				one.Cleared = caches.Clear(kind == control.CacheBeads, kind == control.CacheResults)
			}
		}
		if in.Do != control.CacheClear {
			did, err := d.warm(ctx, kind, time.Until(end))
			if err != nil {
				return nil, err
			}
			one.Read, one.Left, one.Why = did.Read, did.Left, strings.Join(did.Why, "; ")
		}
		done = append(done, one)
	}
	return done, nil
}

// warm reads ahead what is asked for most, and says how much that is.
func (d *Deacon) warm(ctx context.Context, kind string, within time.Duration) (ledger.Warmed, error) {
	var none ledger.Warmed
	if kind == control.CacheAgents {
		all, err := d.agents(ctx)
		return ledger.Warmed{Read: len(all)}, err
	}
	s, leave, err := d.reads.enter(ctx, 0)
	if errors.Is(err, errElsewhere) {
		return none, town.Fail("read ahead", "gt cache warmup --type=agent reads what the Deacon has", "%w: %w", town.ErrRefused, err)
	}
	if err != nil {
		return none, err
	}
	defer leave()
	if kind == control.CacheResults {
		return s.WarmUsual(ctx, within)
	}
	return s.Warm(ctx, ledger.Filter{Not: []town.Status{town.StatusClosed}}, within)
}

// sweep drops what is too old to be answered from.
func (r *reads) sweep() {
	r.mu.Lock()
	caches, agents := r.caches, r.agents
	r.mu.Unlock()
	r.large.Sweep()
	if caches != nil {
		caches.Sweep()
		agents.Sweep()
	}
}

// cacheStats tells what is kept.
func (d *Deacon) cacheStats() control.CacheStats {
	r := d.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	out := control.CacheStats{Enabled: r.caches != nil, TTL: r.held.ttl.Seconds()}
	switch {
	case r.caches == nil:
		out.Why = errUncached.Error()
	case d.server == nil:
		out.Why = errElsewhere.Error()
	}
	if r.caches != nil {
		out.MaxBytes = r.caches.Budget().Limit()
	}
	out.Levels = r.levels()
	return out
}

// levels are what the caches did since the start, and what they hold now, in
// the order of control.CacheTypes. The caller holds mu.
func (r *reads) levels() []cache.Stats {
	now := map[string]cache.Stats{}
	if r.caches != nil {
		for _, s := range append(r.caches.Stats(), r.agents.Stats()) {
			now[s.Name] = s
		}
	}
	var all []cache.Stats
	for _, kind := range control.CacheTypes {
		s, before := now[kind], r.past[kind]
		s.Name = kind
		s.Hits, s.Misses, s.Shared = s.Hits+before.Hits, s.Misses+before.Misses, s.Shared+before.Shared
		s.Stale, s.Expired, s.Evicted = s.Stale+before.Stale, s.Expired+before.Expired, s.Evicted+before.Evicted
		all = append(all, s)
	}
	return all
}

// cacheLevels is levels for those who do not hold mu.
func (r *reads) cacheLevels() []cache.Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.levels()
}
