// Package memory decides when a command collects garbage. Most import it for
// that alone.
//
// Go's default is made for programs that stay: it collects three times before a
// command has even begun, a quarter of the time that takes. Here nothing is
// collected below a floor; above it the process may hold a quarter more than it
// needs, rather than twice as much. The database engine, too, sizes its caches
// by the limit it finds when it is first used.
//
// Whoever sets GOGC or GOMEMLIMIT gets what they ask for instead. The package
// imports only the standard library and its path sorts before the engine's, so
// the language initialises it first.
package memory

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

const (
	// defaultFloor is what a process may hold without collecting, in bytes.
	defaultFloor = 96 << 20
	// overhead is what the runtime holds beside the heap, in bytes.
	overhead = 24 << 20
)

// floor is what this process may hold without collecting, in bytes; roomy
// whether it may hold half more than it needs, not a quarter.
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

// Room lets the process hold so many bytes before it collects, and half more
// than it needs above them: for an import, which makes much garbage once, and for
// the Deacon, which makes some with each command it runs.
func Room(bytes int64) {
	if chosen() {
		return
	}
	floor.Store(bytes)
	roomy.Store(bytes > defaultFloor)
	debug.SetMemoryLimit(bytes)
}

// cycle is unreachable as soon as it is made, so its finalizer tells of the
// next collection.
type cycle struct{ _ *byte }

func watch() {
	runtime.SetFinalizer(&cycle{}, func(*cycle) {
		debug.SetMemoryLimit(limit(live()))
		watch()
	})
}

// limit is what the process may hold when so many bytes of heap are in use.
func limit(live uint64) int64 {
	more := int64(live) / 4
	if roomy.Load() {
		more = int64(live) / 2
	}
	return max(floor.Load(), int64(live)+more+overhead)
}

// live is what the last collection found in use, in bytes.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
