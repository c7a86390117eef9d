package control

import (
	"fmt"
	"slices"
	"time"

	"gastown/cache"
	"gastown/town"
)

// The kinds of caches, and what may be done with them.
const (
	CacheAgents  = "agent"
	CacheResults = "status"
	CacheBeads   = "bead"

	CacheWarmup  = "warmup"
	CacheRefresh = "refresh"
	CacheClear   = "clear"
)

// CacheTypes are the kinds, as gt cache --type names them.
var CacheTypes = []string{CacheAgents, CacheResults, CacheBeads}

// CacheRequest asks to warm, refresh or clear caches.
type CacheRequest struct {
	// Do is warmup, refresh or clear.
	Do string `json:"do"`
	// Types are of CacheTypes.
	Types []string `json:"types"`
	// Within bounds how long reading ahead takes, in nanoseconds. 0 means ten
	// seconds, which is also the most.
	Within time.Duration `json:"within,omitempty"`
}

// Validate reports, wrapping town.ErrUsage, why a request cannot be one.
func (r CacheRequest) Validate() error {
	if !slices.Contains([]string{CacheWarmup, CacheRefresh, CacheClear}, r.Do) {
		return fmt.Errorf("%w: %q is not something to do with a cache", town.ErrUsage, town.Clip(r.Do, 20))
	}
	for i, kind := range r.Types {
		if !slices.Contains(CacheTypes, kind) || slices.Contains(r.Types[:i], kind) {
			return fmt.Errorf("%w: %q is not a type, or is named twice", town.ErrUsage, town.Clip(kind, 20))
		}
	}
	return nil
}

// CacheDone is what was done with one kind of cache.
type CacheDone struct {
	Type string `json:"type"`
	// Cleared is how many entries were dropped, Read how many were read ahead.
	Cleared int `json:"cleared"`
	Read    int `json:"read"`
	// Left is how many were not, and Why says why.
	Left int    `json:"left_out"`
	Why  string `json:"why,omitempty"`
}

// CacheStats is what the caches did since the Deacon started, and what they hold
// now.
type CacheStats struct {
	// Enabled is false when cache.enabled is, or the ledger is on another server.
	Enabled bool `json:"enabled"`
	// Why says why not.
	Why string `json:"why,omitempty"`
	// MaxBytes bounds all levels together; TTL is that of beads, in seconds.
	MaxBytes int64   `json:"max_bytes"`
	TTL      float64 `json:"ttl_seconds"`
	// Levels are the kinds in the order of CacheTypes.
	Levels []cache.Stats `json:"levels"`
}

// Agent is the last heartbeat of an agent.
type Agent struct {
	Heartbeat
	At time.Time `json:"at"`
}
