package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"gastown/cache"
)

// The default sizes.
const (
	defaultBeads      = 1000
	defaultBeadTTL    = 5 * time.Minute
	defaultResults    = 10_000
	resultTTLs        = 3 // how many times longer results live than beads: 15 minutes
	defaultCacheBytes = 256 << 20
)

// The names of the levels in statistics.
const (
	LevelBeads   = "bead"
	LevelResults = "status"
)

// Caches hold beads (the first level) and results of queries (the second level)
// of one ledger. The third level is the database's own. The Stores of one
// process that have the same ledger open may share them.
type Caches struct {
	budget  *cache.Budget
	beads   *cache.Cache[Detail]
	shorts  *cache.Cache[string] // full ids by what was written for them
	results *cache.Cache[any]
}

// NewCaches makes empty caches that together hold at most so many bytes (0: 256
// MB). ttl is how long a bead stays (0: five minutes); a result stays three
// times as long.
func NewCaches(bytes int64, ttl time.Duration) *Caches {
	if bytes <= 0 {
		bytes = defaultCacheBytes
	}
	if ttl <= 0 {
		ttl = defaultBeadTTL
	}
	budget := cache.NewBudget(bytes)
	return &Caches{
		budget:  budget,
		beads:   cache.New(cache.Options[Detail]{Name: LevelBeads, Entries: defaultBeads, TTL: ttl, Budget: budget, Size: detailSize}),
		shorts:  cache.New(cache.Options[string]{Entries: defaultBeads, TTL: ttl, Budget: budget}),
		results: cache.New(cache.Options[any]{Name: LevelResults, Entries: defaultResults, TTL: resultTTLs * ttl, Budget: budget, Size: resultSize}),
	}
}

// Budget bounds the bytes. Another cache may join it.
func (c *Caches) Budget() *cache.Budget { return c.budget }

// Stats returns the statistics of both levels, beads first.
func (c *Caches) Stats() []cache.Stats { return []cache.Stats{c.beads.Stats(), c.results.Stats()} }

// Clear drops beads, results, or both, and returns how many there were.
func (c *Caches) Clear(beads, results bool) (n int) {
	if beads {
		n += c.beads.Clear()
		c.shorts.Clear()
	}
	if results {
		n += c.results.Clear()
	}
	return n
}

// Sweep drops expired entries and returns how many there were.
func (c *Caches) Sweep() int { return c.beads.Sweep() + c.shorts.Sweep() + c.results.Sweep() }

// Cached makes the Store, and the views made of it later, answer from caches
// where they are right. Without caches every read asks the database. It must be
// called before the Store is used.
func (s *Store) Cached(c *Caches) { s.caches = c }

// Cacheable reports whether the answer to a query with this filter may be
// cached: its Limit must not be over 500 beads.
func (f Filter) Cacheable() bool { return f.Limit > 0 && f.Limit <= manyItems }

// cached answers a query from the second level. The key is the query with its
// arguments.
func cached[T any](ctx context.Context, s *Store, query string, args []any, copied func(T) T, read func(context.Context) (T, error)) (T, error) {
	var none T
	state, settled, err := s.state(ctx)
	if err != nil {
		return none, err
	}
	if !settled {
		return read(ctx)
	}
	key := fmt.Sprintf("%s %q", query, args)
	mine := false
	v, err := s.caches.results.Load(ctx, state, key, func(ctx context.Context) (any, error) {
		mine = true
		v, err := read(ctx)
		if err == nil && !s.caches.results.Fits(state, key, v) {
			s.uncached.Add(1)
		}
		return v, err
	})
	if errors.Is(err, ErrTooMuch) && !mine {
		return read(ctx) // the bound was that of another caller
	}
	if err != nil {
		return none, err
	}
	return copied(v.(T)), nil
}

func copyStats(st Stats) Stats {
	for _, m := range []*map[string]int{&st.ByStatus, &st.ByType, &st.ByPriority, &st.ByAssignee} {
		*m = maps.Clone(*m)
	}
	return st
}

// clones copies a list, so that the caller may change the copy.
func clones[T interface{ clone() T }](list []T) []T {
	all := make([]T, len(list))
	for i, v := range list {
		all[i] = v.clone()
	}
	return all
}
