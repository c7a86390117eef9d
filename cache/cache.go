// Package cache holds answers in memory while they are up to date.
//
// An entry has a token, which identifies the state of the source that it was read
// from. The caller takes the present token first, then asks the cache, which
// returns the entry only for an equal token. So an answer is never older than the
// token, whichever program changed the source. Age, number, and the bytes that
// all caches of one Budget hold together bound the entries too; the least recently
// used entry is dropped first.
//
// Callers share values. They must not change one, and must copy a value that they
// give to code that may change it. The package knows no database and starts no
// goroutine.
package cache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"
)

// Defaults of Options.
const (
	defaultEntries = 1000
	defaultTTL     = 5 * time.Minute
)

// entryOverhead is about how many bytes an entry takes besides its key and value.
const entryOverhead = 200

// Options say what a cache may hold.
type Options[V any] struct {
	// Name is its name in statistics.
	Name string
	// Entries is the most entries; 0 means 1,000.
	Entries int
	// TTL is the greatest age; 0 means five minutes.
	TTL time.Duration
	// Budget bounds the bytes; nil means no bound.
	Budget *Budget
	// Size estimates the bytes a value takes; nil means 0.
	Size func(V) int64
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Stats count what a cache did so far and what it holds.
type Stats struct {
	Name       string `json:"name"`
	Entries    int    `json:"entries"`
	MaxEntries int    `json:"max_entries"`
	Bytes      int64  `json:"bytes"`
	Hits       int64  `json:"hits"`
	Misses     int64  `json:"misses"`
	// Shared counts misses that another caller's read answered.
	Shared int64 `json:"shared"`
	// Stale, Expired and Evicted count entries that were dropped because the source
	// had changed, because of their age, and to make room.
	Stale   int64 `json:"stale"`
	Expired int64 `json:"expired"`
	Evicted int64 `json:"evicted"`
}

// Cache holds values by key. Its methods may be called from many goroutines.
type Cache[V any] struct {
	opts   Options[V]
	mu     sync.Mutex
	lru    *simplelru.LRU[string, entry[V]]
	bytes  int64
	stats  Stats
	flight singleflight.Group
}

type entry[V any] struct {
	value V
	token string
	until time.Time
	bytes int64
}

// New makes an empty cache.
func New[V any](opts Options[V]) *Cache[V] {
	if opts.Entries <= 0 {
		opts.Entries = defaultEntries
	}
	if opts.TTL <= 0 {
		opts.TTL = defaultTTL
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Size == nil {
		opts.Size = func(V) int64 { return 0 }
	}
	c := &Cache[V]{opts: opts}
	// The expirable cache of the same library has a goroutine that never ends.
	// Checking the age on use needs none. The size is positive, so there is no
	// error.
	c.lru, _ = simplelru.NewLRU(opts.Entries, func(_ string, e entry[V]) { c.bytes -= e.bytes })
	opts.Budget.join(c)
	return c
}

// Get returns the value of a key that was put under an equal token.
func (c *Cache[V]) Get(token, key string) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok = c.get(token, key); ok {
		c.stats.Hits++
	} else {
		c.stats.Misses++
	}
	return v, ok
}

func (c *Cache[V]) get(token, key string) (v V, ok bool) {
	e, ok := c.lru.Get(key)
	switch {
	case !ok:
		return v, false
	case e.token != token:
		c.stats.Stale++
	case !c.opts.Now().Before(e.until):
		c.stats.Expired++
	default:
		return e.value, true
	}
	c.lru.Remove(key)
	return v, false
}

// Put caches a value that was read after its token was taken. It does not cache a
// value that alone takes more than an eighth of the budget.
func (c *Cache[V]) Put(token, key string, v V) {
	e := entry[V]{value: v, token: token, until: c.opts.Now().Add(c.opts.TTL), bytes: c.size(token, key, v)}
	if !c.opts.Budget.fits(e.bytes) {
		c.remove(key)
		return
	}
	c.mu.Lock()
	c.lru.Remove(key) // the library does not call back for what it replaces
	c.bytes += e.bytes
	if c.lru.Add(key, e) {
		c.stats.Evicted++
	}
	c.mu.Unlock()
	c.opts.Budget.trim()
}

func (c *Cache[V]) size(token, key string, v V) int64 {
	return c.opts.Size(v) + int64(len(token)+len(key)) + entryOverhead
}

// Fits reports whether Put would cache a value.
func (c *Cache[V]) Fits(token, key string, v V) bool {
	return c.opts.Budget.fits(c.size(token, key, v))
}

func (c *Cache[V]) remove(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lru.Remove(key)
}

// Load returns the value of a key, reading it if need be. Callers that ask for
// the same key with the same token meanwhile wait for that read. Errors are not
// cached. A caller whose context ends still waits for the reader.
func (c *Cache[V]) Load(ctx context.Context, token, key string, read func(context.Context) (V, error)) (V, error) {
	if v, ok := c.Get(token, key); ok {
		return v, nil
	}
	mine := false
	got, err, _ := c.flight.Do(token+"\x00"+key, func() (any, error) {
		mine = true
		v, err := read(ctx)
		if err != nil {
			return nil, err
		}
		c.Put(token, key, v)
		return v, nil
	})
	if mine {
		v, _ := got.(V)
		return v, err
	}
	c.mu.Lock()
	c.stats.Shared++
	c.mu.Unlock()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		// The reader's context ended, so its error is not about the value.
		return read(ctx)
	}
	v, _ := got.(V)
	return v, err
}

// Clear drops every entry and returns how many there were.
func (c *Cache[V]) Clear() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.lru.Len()
	c.lru.Purge()
	return n
}

// Sweep drops entries that are too old to be returned, and returns how many there
// were. Calling it is optional: otherwise such entries are dropped when someone
// asks for them or when room is needed.
func (c *Cache[V]) Sweep() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.opts.Now()
	for _, key := range c.lru.Keys() {
		if e, ok := c.lru.Peek(key); ok && !now.Before(e.until) {
			c.lru.Remove(key)
			n++
		}
	}
	c.stats.Expired += int64(n)
	return n
}

// Stats returns what the cache did and holds.
func (c *Cache[V]) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Name, s.Entries, s.MaxEntries, s.Bytes = c.opts.Name, c.lru.Len(), c.opts.Entries, c.bytes
	return s
}

// held is how many bytes the entries take.
func (c *Cache[V]) held() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// evict drops the least recently used entry.
func (c *Cache[V]) evict() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, _, ok := c.lru.RemoveOldest(); ok {
		c.stats.Evicted++
	}
}
