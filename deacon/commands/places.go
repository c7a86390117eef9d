package commands

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"gastown/town"
)

// places are the commands that may run at once, by class, and how many may begin
// in a second.
type places struct {
	rate *rate.Limiter

	mu      sync.Mutex
	limits  Limits
	running map[string]int
	// changed is closed and replaced when a place may have become free.
	changed chan struct{}
}

func newPlaces(l Limits) *places {
	p := &places{rate: rate.NewLimiter(rate.Inf, 0), running: map[string]int{}, changed: make(chan struct{})}
	p.set(l)
	return p
}

func (p *places) set(l Limits) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limits = l
	limit := rate.Inf
	if l.Rate > 0 {
		limit = rate.Limit(l.Rate)
	}
	p.rate.SetLimit(limit)
	p.rate.SetBurst(max(1, l.Burst))
	p.wake()
}

func (p *places) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// enter waits for a place until leave is called. It fails with town.ErrBusy when
// there is none within the given time, and with the cause of ctx when that ends.
func (p *places) enter(ctx context.Context, class string, wait time.Duration) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	busy := func() error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return town.Fail("wait for a place in the Deacon", "run the command again, or wait longer with --wait DURATION",
			"%w: too many commands run at once (waited %s)", town.ErrBusy, wait)
	}
	if err := p.rate.Wait(waiting); err != nil {
		// The limiter refuses at once what could not begin in time.
		return nil, busy()
	}
	for {
		p.mu.Lock()
		limit, bounded := p.limits.Concurrent[class]
		if !bounded || p.running[class] < limit {
			p.running[class]++
			p.mu.Unlock()
			return sync.OnceFunc(func() { p.free(class) }), nil
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-waiting.Done():
			return nil, busy()
		}
	}
}

func (p *places) free(class string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running[class]--
	p.wake()
}

// errMemory is why a command is cancelled when the process holds too much.
var errMemory = errors.New("the Deacon needs more memory than it may have")
