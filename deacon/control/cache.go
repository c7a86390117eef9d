package control

import (
	"fmt"
	"slices"
	"time"

	"gastown/cache"
	"gastown/town"
)

// The kinds of caches, and the operations on them.
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
	// Types are some of CacheTypes.
	Types []string `json:"types"`
	// Within is how long reading ahead may take, in nanoseconds. 0 means ten
	// seconds, which is also the maximum.
	Within time.Duration `json:"within,omitempty"`
}

// Validate returns why a request is invalid. The error wraps town.ErrUsage.
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

// CacheDone is the result for one kind of cache.
type CacheDone struct {
	Type string `json:"type"`
	// Cleared is how many entries were dropped, Read how many were read ahead.
	Cleared int `json:"cleared"`
	Read    int `json:"read"`
	// Left is how many entries were not read, and Why the reason.
	Left int    `json:"left_out"`
	Why  string `json:"why,omitempty"`
}

// CacheStats are the counts of the caches since the Deacon started, and their
// present content.
type CacheStats struct {
	// Enabled is false when cache.enabled is false, or the ledger is on an external
	// server.
	Enabled bool `json:"enabled"`
	// Why is the reason if caches are not enabled.
	Why string `json:"why,omitempty"`
	// MaxBytes bounds all levels together. TTL is how long a bead is cached, in
	// seconds.
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
