package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// waiting are the commands that wait for a place, by class, first come first
	// served. A channel is closed when its command has its place.
	waiting map[string][]chan struct{}
}

func newPlaces(l Limits) *places {
	return &places{limits: l, rate: rate.NewLimiter(l.starts()), running: map[string]int{}, waiting: map[string][]chan struct{}{}}
}

func (p *places) set(l Limits) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limits = l
	limit, burst := l.starts()
	p.rate.SetLimit(limit)
	p.rate.SetBurst(burst)
	for class := range p.waiting {
		p.grant(class)
	}
}

// starts says how many commands may begin in a second, and how many at once.
func (l Limits) starts() (limit rate.Limit, burst int) {
	limit = rate.Inf
	if l.Rate > 0 {
		limit = rate.Limit(l.Rate)
	}
	return limit, max(1, l.Burst)
}

// grant gives free places to those that came first. The caller holds mu.
func (p *places) grant(class string) {
	for len(p.waiting[class]) > 0 && p.room(class) {
		p.running[class]++
		close(p.waiting[class][0])
		p.waiting[class] = p.waiting[class][1:]
	}
}

// room reports whether a place is free. The caller holds mu.
func (p *places) room(class string) bool {
	limit, bounded := p.limits.Concurrent[class]
	return !bounded || p.running[class] < limit
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
	p.mu.Lock()
	place := make(chan struct{})
	p.waiting[class] = append(p.waiting[class], place)
	p.grant(class)
	limit := p.limits.Concurrent[class]
	p.mu.Unlock()
	leave = sync.OnceFunc(func() { p.free(class) })
	notice.set(fmt.Sprintf("at most %d work at once", limit))
	select {
	case <-place:
		return leave, nil
	case <-waiting.Done():
	}
	if !p.giveUp(class, place) {
		leave() // it came just now
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, town.Fail("wait for a place in the Deacon", "run the command again, or wait longer with --wait DURATION",
		"%w: at most %d commands work at once (waited %s)", town.ErrBusy, limit, wait)
}

// giveUp ends a wait. It reports false when the place was granted meanwhile.
func (p *places) giveUp(class string, place chan struct{}) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.waiting[class])
	p.waiting[class] = slices.DeleteFunc(p.waiting[class], func(c chan struct{}) bool { return c == place })
	return len(p.waiting[class]) < before
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
	p.grant(class)
}

// errMemory is why a command is cancelled when the process holds too much.
var errMemory = errors.New("the Deacon needs more memory than it may have")
