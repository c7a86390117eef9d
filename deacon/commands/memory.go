package commands

import (
	"context"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"gastown/town"
)

// memoryEvery is how often the memory is looked at while commands run.
const memoryEvery = 50 * time.Millisecond

// memory cancels commands when the process holds more than it may. Go cannot say
// which goroutine holds what, so the command that began last is taken for the
// cause: the others ran well before it came.
type memory struct {
	bound uint64
	used  func() uint64

	mu      sync.Mutex
	running []*context.CancelCauseFunc
	begun   chan struct{}
}

func newMemory(bound uint64, used func() uint64) *memory {
	return &memory{bound: bound, used: used, begun: make(chan struct{}, 1)}
}

// heap is what the objects on the heap take, in bytes, the garbage that was not
// collected yet included.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// add makes a command one that may be cancelled, until forget is called.
func (m *memory) add(cancel context.CancelCauseFunc) (forget func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running = append(m.running, &cancel)
	select {
	case m.begun <- struct{}{}:
	default:
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.running = slices.DeleteFunc(m.running, func(c *context.CancelCauseFunc) bool { return c == &cancel })
	}
}

// watch looks at the memory until ctx ends. While nothing runs it sleeps.
func (m *memory) watch(ctx context.Context) {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for {
		select {
		case <-m.begun:
		case <-ctx.Done():
			return
		}
		for m.look() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// look cancels the command that began last if the process holds too much. It
// reports whether any command runs.
func (m *memory) look() (busy bool) {
	m.mu.Lock()
	n := len(m.running)
	m.mu.Unlock()
	if n == 0 {
		return false
	}
	if m.used() <= m.bound {
		return true
	}
	runtime.GC() // what counts is what is still in use
	if m.used() <= m.bound {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n = len(m.running); n > 0 {
		(*m.running[n-1])(town.Fail("run the command", "run it alone: GT_ALONE=1 in the environment",
			"%w: %w (%d MB)", town.ErrBusy, errMemory, m.bound>>20))
		m.running = m.running[:n-1]
	}
	return len(m.running) > 0
}
