// Package events is the part of the Deacon that completes the Town's feed: it
// collects changes of the ledger as they happen, and appends events about the
// Deacon itself: start, stop and leases of the planes. It watches the feed for all
// parts, and starts the jobs that an event wakes.
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
	// WokenBy are the jobs that an event of a kind wakes.
	WokenBy(kind string) []string
	// StartJob starts a job now, and does not wait for it.
	StartJob(name string) error
}

const (
	// page is how many events are read at once.
	page = 200
	// retryPause follows a failure.
	retryPause = 10 * time.Second
)

// Part collects and watches from Start to Stop, but not from Pause to Resume. It implements
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
		p.follow(ctx)
	})
	p.stop = func() { cancel(); group.Wait() }
}

// follow collects the ledger's changes and starts the jobs that events wake, until ctx
// ends. It begins at the end of the feed.
func (p *Part) follow(ctx context.Context) {
	seq, woken := int64(-1), map[string]bool{}
	for ctx.Err() == nil {
		next, err := p.read(ctx, seq, woken)
		if err == nil {
			seq = next
			p.start(woken)
			err = p.wait(ctx, seq, len(woken) > 0)
		}
		if err != nil && ctx.Err() == nil {
			p.report(err)
			select {
			case <-ctx.Done():
			case <-time.After(retryPause):
			}
		}
	}
}

// read reads the events after a number and adds the jobs that they wake; -1 skips to the
// end.
func (p *Part) read(ctx context.Context, seq int64, woken map[string]bool) (next int64, err error) {
	if seq < 0 {
		newest, err := p.host.Feed().Newest(ctx, time.Time{}, 1)
		return newest.Next, err
	}
	events, err := p.host.Feed().After(ctx, seq, page)
	for _, e := range events.Events {
		for _, job := range p.host.WokenBy(e.Kind) {
			woken[job] = true
		}
	}
	return events.Next, err
}

// start starts the jobs that were woken. One that cannot start now stays in the list: the
// Deacon starts, or the last run of the job does not end.
func (p *Part) start(woken map[string]bool) {
	for job := range woken {
		if p.host.StartJob(job) == nil {
			delete(woken, job)
		}
	}
}

// wait waits for another event; when jobs are still to be started, not for long.
func (p *Part) wait(ctx context.Context, seq int64, again bool) error {
	if !again {
		return p.host.Feed().Wait(ctx, seq)
	}
	limited, cancel := context.WithTimeout(ctx, retryPause)
	defer cancel()
	err := p.host.Feed().Wait(limited, seq)
	if limited.Err() != nil {
		return ctx.Err()
	}
	return err
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
