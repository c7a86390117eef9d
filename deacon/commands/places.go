package commands

import (
	"context"
	"errors"
	"fmt"
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
	return &places{limits: l, rate: rate.NewLimiter(l.starts()), running: map[string]int{}, changed: make(chan struct{})}
}

func (p *places) set(l Limits) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limits = l
	limit, burst := l.starts()
	p.rate.SetLimit(limit)
	p.rate.SetBurst(burst)
	p.wake()
}

// starts says how many commands may begin in a second, and how many at once.
func (l Limits) starts() (limit rate.Limit, burst int) {
	limit = rate.Inf
	if l.Rate > 0 {
		limit = rate.Limit(l.Rate)
	}
	return limit, max(1, l.Burst)
}

func (p *places) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// waitNotice is how long a command waits before its caller is told what for: most
// waits are over sooner.
const waitNotice = 600 * time.Millisecond

// errRate reports a command that could not begin in time because of the rate. Its
// front runs it in a process of its own, which the rate does not bound.
var errRate = fmt.Errorf("%w: too many commands begin at once", town.ErrBusy)

// enter waits for a place until leave is called. It fails with errRate or
// town.ErrBusy when there is none within the given time, and with the cause of ctx
// when that ends. say is told what a long wait is for.
func (p *places) enter(ctx context.Context, class string, wait time.Duration, say func(string)) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	p.mu.Lock()
	limits := p.limits
	p.mu.Unlock()
	notice := newNotice(say)
	defer notice.stop()
	notice.set(fmt.Sprintf("at most %d a second (rate.requests_per_second)", limits.Rate))
	if err := p.rate.Wait(waiting); err != nil {
		// The limiter refuses at once what could not begin in time.
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, errRate
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
		notice.set(fmt.Sprintf("at most %d work at once", limit))
		select {
		case <-changed:
		case <-waiting.Done():
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, town.Fail("wait for a place in the Deacon", "run the command again, or wait longer with --wait DURATION",
				"%w: at most %d commands work at once (waited %s)", town.ErrBusy, limit, wait)
		}
	}
}

// notice tells a caller once what a wait is for, if it lasts.
type notice struct {
	timer *time.Timer
	mu    sync.Mutex
	text  string
	over  bool
}

func newNotice(say func(string)) *notice {
	n := &notice{}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.timer = time.AfterFunc(waitNotice, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if !n.over {
			say(n.text)
		}
	})
	return n
}

func (n *notice) set(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = text
}

// stop ends it. Nobody is told anything after that.
func (n *notice) stop() {
	n.timer.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over = true
}

func (p *places) free(class string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running[class]--
	p.wake()
}

// errMemory is why a command is cancelled when the process holds too much.
var errMemory = errors.New("the Deacon needs more memory than it may have")
