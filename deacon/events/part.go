// Package events is the part of the Deacon that completes the Town's feed: it
// collects changes of the ledger as they happen, and appends events about the
// Deacon itself: start, stop and leases of the planes.
package events

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/town/feed"
)

// Host is what the part needs of the Deacon.
type Host interface {
	Feed() *feed.Feed
	Log() logrus.FieldLogger
	Now() time.Time
	Version() string
}

// Part collects from Start to Stop, but not from Pause to Resume. It implements
// the interfaces of package part that the assertions below name.
type Part struct {
	host Host

	mu   sync.Mutex
	life context.Context // ends with the Deacon; nil before Start and after Stop
	stop func()          // ends collecting and waits for it; nil while not collecting
	told string          // the last failure that was logged
}

var (
	_ part.Starter = (*Part)(nil)
	_ part.Stopper = (*Part)(nil)
	_ part.Paused  = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part { return &Part{host: h} }

// Name implements part.Part.
func (p *Part) Name() string { return "events" }

// Start begins to collect, until ctx ends or Stop is called.
func (p *Part) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.life = ctx
	p.collect(p.event(feed.DeaconStarted, p.program()))
	return nil
}

// Stop ends collecting, and appends an event. While the planes are lent it appends
// none, because waiting for them would delay the stop.
func (p *Part) Stop(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.life = nil
	if !p.end() {
		return nil
	}
	return p.host.Feed().Append(ctx, p.event(feed.DeaconStopped, p.program()))
}

// Pause ends collecting, and appends that the planes are lent.
func (p *Part) Pause(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end() {
		if err := p.host.Feed().Append(ctx, p.event(feed.Lent, "a command has the planes to itself")); err != nil {
			p.log(err) // a failure is no reason not to lend them
		}
	}
	return nil
}

// Resume continues collecting.
func (p *Part) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life != nil && p.stop == nil {
		p.collect(p.event(feed.Returned, "the planes are served again"))
	}
}

func (p *Part) program() string {
	return fmt.Sprintf("version %s, pid %d", p.host.Version(), os.Getpid())
}

func (p *Part) event(kind, text string) feed.Event {
	return feed.Event{At: p.host.Now(), Kind: kind, Subject: "deacon", Text: text}
}

// collect appends an event and collects, in a goroutine that end waits for. The
// caller holds mu.
func (p *Part) collect(first feed.Event) {
	ctx, cancel := context.WithCancel(p.life)
	var group sync.WaitGroup
	group.Go(func() {
		if err := p.host.Feed().Append(ctx, first); err != nil && ctx.Err() == nil {
			p.log(err)
		}
		p.host.Feed().Run(ctx, p.report)
	})
	p.stop = func() { cancel(); group.Wait() }
}

// end ends collecting, and reports whether it was under way. The caller holds mu.
func (p *Part) end() bool {
	if p.stop == nil {
		return false
	}
	p.stop()
	p.stop = nil
	return true
}

// report logs a failure unless it is the one logged last. Only the goroutine that
// collects calls it.
func (p *Part) report(err error) {
	if text := err.Error(); text != p.told {
		p.told = text
		p.log(err)
	}
}

func (p *Part) log(err error) {
	p.host.Log().WithError(err).Warn("the feed is incomplete for now: it could not be written, or changes of the ledger could not be read")
}
