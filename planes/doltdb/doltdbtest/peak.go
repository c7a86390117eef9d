package doltdbtest

import (
	"runtime/metrics"
	"sync"
	"testing"
	"time"
)

// Peak measures the highest size of the heap while run runs, and logs it.
func Peak(t testing.TB, what string, run func()) {
	t.Helper()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	var most uint64
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Add(1)
	go func() {
		defer wait.Done()
		for {
			if metrics.Read(sample); sample[0].Value.Uint64() > most {
				most = sample[0].Value.Uint64()
			}
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	began := time.Now()
	run()
	close(stop)
	wait.Wait()
	t.Logf("%s: %s, at most %d MiB of heap", what, time.Since(began).Round(time.Millisecond), most>>20)
}
