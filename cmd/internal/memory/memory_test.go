package memory

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestLimitFollowsWhatIsInUse(t *testing.T) {
	if got := debug.SetMemoryLimit(-1); got != defaultFloor {
		t.Fatalf("a process begins with a limit of %d bytes, want %d", got, defaultFloor)
	}
	held := make([][]byte, 256)
	for i := range held {
		held[i] = make([]byte, 1<<20)
	}
	wait(t, func(limit int64) bool { return limit > 300<<20 && limit < 500<<20 })
	runtime.KeepAlive(held)
	held = nil
	wait(t, func(limit int64) bool { return limit == defaultFloor })
}

// wait collects garbage until the limit has the expected value, because finalizers
// run some time after a collection.
func wait(t *testing.T, ok func(int64) bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok(debug.SetMemoryLimit(-1)) {
		if time.Now().After(deadline) {
			t.Fatalf("the limit stays at %d bytes", debug.SetMemoryLimit(-1))
		}
		runtime.GC()
		runtime.Gosched()
	}
}
