// Package memory decides when a command collects garbage. Most programs import it
// only for this effect.
//
// Go's default suits long-running programs: it collects three times before a
// command has even begun, which takes a quarter of that time. Here nothing is
// collected below a floor; above it the process may hold a quarter more than it
// needs, instead of twice as much. The database engine also sizes its caches by the
// limit that it finds when it is first used.
//
// GOGC and GOMEMLIMIT override this. The package imports only the standard library,
// and its path sorts before the engine's, so that Go initialises it first.
package memory

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

const (
	// defaultFloor is how much memory a process may hold without collecting, in
	// bytes.
	defaultFloor = 96 << 20
	// overhead is the memory that the runtime needs beside the heap, in bytes.
	overhead = 24 << 20
)

// floor is how much memory this process may hold without collecting, in bytes.
// roomy says that above it the process may hold half more than it needs, instead of
// a quarter.
var (
	floor atomic.Int64
	roomy atomic.Bool
)

func chosen() bool { return os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" }

func init() {
	if chosen() {
		return
	}
	debug.SetGCPercent(-1)
	Room(defaultFloor)
	watch()
}

// Room lets the process hold this many bytes before it collects, and above that
// half more than it needs. It is for imports, which make much garbage once, and for
// the Deacon, which makes some with each command.
func Room(bytes int64) {
	if chosen() {
		return
	}
	floor.Store(bytes)
	roomy.Store(bytes > defaultFloor)
	debug.SetMemoryLimit(bytes)
}

// cycle is unreachable as soon as it is made, so its finalizer runs after the next
// collection.
type cycle struct{ _ *byte }

func watch() {
	runtime.SetFinalizer(&cycle{}, func(*cycle) {
		debug.SetMemoryLimit(limit(live()))
		watch()
	})
}

// limit is the memory limit for a process whose heap has this many live bytes.
func limit(live uint64) int64 {
	more := int64(live) / 4
	if roomy.Load() {
		more = int64(live) / 2
	}
	return max(floor.Load(), int64(live)+more+overhead)
}

// live is the heap in use after the last collection, in bytes.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
