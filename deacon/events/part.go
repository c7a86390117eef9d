// Package events is the part of the Deacon that keeps the Town's feed complete:
// it collects changes of the ledger as they come, and appends what happens to the
// Deacon itself: start, stop and leases of the planes.
package events

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/town/feed"
)

// Options are a Part's.
type Options struct {
	Feed *feed.Feed
	Log  logrus.FieldLogger
	// Version is that of the Deacon's program, and PID its process.
	Version string
	PID     int
	Now     func() time.Time
}

// Part collects while it runs: from Start to Stop, but not from Pause to Resume.
// Its methods are called one after the other.
type Part struct {
	opts Options
	life context.Context
	stop func() // ends collecting and waits for it; nil while nothing collects

	mu   sync.Mutex
	told string // the last failure that was logged
}

// New returns the part.
func New(o Options) *Part { return &Part{opts: o} }

// Name is how the part is called in the log.
func (p *Part) Name() string { return "events" }

// Start begins to collect, until ctx ends or Stop is called.
func (p *Part) Start(ctx context.Context) error {
	p.life = ctx
	p.collect(p.event(feed.DeaconStarted, fmt.Sprintf("version %s, pid %d", p.opts.Version, p.opts.PID)))
	return nil
}

// Stop ends it, and appends that the Deacon stops.
func (p *Part) Stop(ctx context.Context) error {
	p.end()
	return p.opts.Feed.Append(ctx, p.event(feed.DeaconStopped, fmt.Sprintf("version %s, pid %d", p.opts.Version, p.opts.PID)))
}

// Pause ends collecting while the planes are lent.
func (p *Part) Pause(ctx context.Context) error {
	p.end()
	return p.opts.Feed.Append(ctx, p.event(feed.Lent, "a command has the planes to itself"))
}

// Resume goes on collecting.
func (p *Part) Resume() { p.collect(p.event(feed.Returned, "the planes are served again")) }

func (p *Part) event(kind, text string) feed.Event {
	return feed.Event{At: p.opts.Now(), Kind: kind, Subject: "deacon", Text: text}
}

// collect appends an event and collects, in a goroutine that end waits for.
func (p *Part) collect(first feed.Event) {
	if p.life == nil || p.stop != nil {
		return // not started, or not paused
	}
	ctx, cancel := context.WithCancel(p.life)
	var group sync.WaitGroup
	group.Go(func() {
		if err := p.opts.Feed.Append(ctx, first); err != nil {
			p.report(err)
		}
		p.opts.Feed.Run(ctx, p.report)
	})
	p.stop = func() { cancel(); group.Wait() }
}

func (p *Part) end() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// report logs a failure, unless it is the one logged last.
func (p *Part) report(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if text := err.Error(); text != p.told {
		p.told = text
		p.opts.Log.WithError(err).Warn("the feed is incomplete for now: it could not be written, or changes of the ledger could not be read")
	}
}
