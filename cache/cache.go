// Package cache keeps answers in memory for as long as they are right.
//
// An entry belongs to a token: whatever tells the state of the source it was
// read from. It is returned only to who presents an equal token, so an answer
// is never older than the token, whoever changed the source: the caller takes
// the token first, then asks. Besides, entries end by age, by number, and by
// the bytes that all caches of one Budget hold together; the one that was used
// longest ago goes first.
//
// Values are shared between callers: nobody changes one, and callers that hand
// them on hand on copies. The package knows no database. It starts no goroutine.
package cache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"
)

// What a cache holds unless its Options say otherwise.
const (
	defaultEntries = 1000
	defaultTTL     = 5 * time.Minute
)

// entryOverhead is what an entry takes besides its key and value, in bytes,
// about.
const entryOverhead = 200

// Options say what a cache may hold.
type Options[V any] struct {
	// Name is what statistics call it.
	Name string
	// Entries is how many; 0 means 1,000.
	Entries int
	// TTL is for how long, at most; 0 means five minutes.
	TTL time.Duration
	// Budget bounds the bytes; nil means that nothing does.
	Budget *Budget
	// Size estimates the bytes a value takes; nil means that it takes none.
	Size func(V) int64
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Stats are what a cache did so far, and what it holds.
type Stats struct {
	Name       string `json:"name"`
	Entries    int    `json:"entries"`
	MaxEntries int    `json:"max_entries"`
	Bytes      int64  `json:"bytes"`
	Hits       int64  `json:"hits"`
	Misses     int64  `json:"misses"`
	// Shared are misses that were answered by the read of another caller.
	Shared int64 `json:"shared"`
	// Stale, Expired and Evicted are entries that ended because the source had
	// changed, by age, and for room.
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
	// The expirable cache of the same library has a goroutine nothing ends. An
	// age that is looked at on use needs none. The size is positive, so there is
	// no error.
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

// Put keeps a value that was read after its token was taken. One that alone
// takes more than an eighth of the budget is not kept.
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

// Fits reports whether Put would keep a value.
func (c *Cache[V]) Fits(token, key string, v V) bool {
	return c.opts.Budget.fits(c.size(token, key, v))
}

func (c *Cache[V]) remove(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lru.Remove(key)
}

// Load returns the value of a key, reading it if need be. Callers that ask for
// the same key under the same token meanwhile wait for the one that reads.
// Errors are not kept. A caller whose context ends returns with the reader.
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
		// The reader gave up; that says nothing about the value.
		return read(ctx)
	}
	v, _ := got.(V)
	return v, err
}

// Clear forgets every entry and says how many there were.
func (c *Cache[V]) Clear() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.lru.Len()
	c.lru.Purge()
	return n
}

// Sweep drops the entries that are too old to be returned and says how many
// there were. Nobody needs to call it: without it they stay until they are asked
// for, or until their room is needed.
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

// evict drops the entry that was used longest ago.
func (c *Cache[V]) evict() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, _, ok := c.lru.RemoveOldest(); ok {
		c.stats.Evicted++
	}
}
