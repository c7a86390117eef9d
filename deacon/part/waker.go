package part

import (
	"context"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/town/feed"
)

const (
	// wakePage is how many events a Waker reads at once.
	wakePage = 200
	// wakePause is its pause after a failure to read the feed.
	wakePause = 10 * time.Second
)

// Waker calls a function after events of some kinds, between Start and Stop. Its part also
// acts by schedule, so an event that is missed only makes it later. A part that embeds
// one is a Starter, a Stopper and Paused: it watches from its start to its end, but not
// while it is paused.
type Waker struct {
	Feed interface {
		Newest(ctx context.Context, since time.Time, limit int) (feed.Page, error)
		After(ctx context.Context, seq int64, limit int) (feed.Page, error)
		Wait(ctx context.Context, seq int64) error
	}
	// Wakes says which kinds of events matter.
	Wakes func(kind string) bool
	// Wake is called after them, once for several.
	Wake func() error
	Log  logrus.FieldLogger

	mu   sync.Mutex
	stop func()          // ends watching and waits for it; nil while nothing is watched
	life context.Context // that of Start; nil before Start and after Stop
}

// NewWaker makes one that starts a job of the Deacon after events of the kinds that wakes
// names.
func NewWaker(h interface {
	Feed() *feed.Feed
	Log() logrus.FieldLogger
	StartJob(name string) error
}, job string, wakes func(kind string) bool) *Waker {
	return &Waker{Feed: h.Feed(), Wakes: wakes, Wake: func() error { return h.StartJob(job) }, Log: h.Log()}
}

var (
	_ Starter = (*Waker)(nil)
	_ Stopper = (*Waker)(nil)
	_ Paused  = (*Waker)(nil)
)

// Start implements Starter. It begins to watch, until ctx ends.
func (w *Waker) Start(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.life = ctx
	w.begin(ctx)
	return nil
}

// Stop implements Stopper.
func (w *Waker) Stop(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.life = nil
	w.end()
	return nil
}

// Pause implements Paused.
func (w *Waker) Pause(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end()
	return nil
}

// Resume implements Paused. Between Start and Stop it watches again.
func (w *Waker) Resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.life != nil {
		w.begin(w.life)
	}
}

// begin begins to watch, until ctx ends. While it watches already it does nothing. The
// caller holds mu.
func (w *Waker) begin(ctx context.Context) {
	if w.stop != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { w.follow(ctx) })
	w.stop = func() { cancel(); group.Wait() }
}

// end ends watching and waits for it. The caller holds mu.
func (w *Waker) end() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
}

func (w *Waker) follow(ctx context.Context) {
	seq := int64(-1)
	for ctx.Err() == nil {
		next, wakes, err := w.read(ctx, seq)
		if err == nil && wakes {
			err = w.Wake()
		}
		if err == nil {
			seq = next
			err = w.Feed.Wait(ctx, seq)
		}
		if err != nil && ctx.Err() == nil {
			w.Log.WithError(err).Debug("events could not be read; the next run by schedule looks itself")
			select {
			case <-ctx.Done():
			case <-time.After(wakePause):
			}
		}
	}
}

// read reads the events after a number; -1 skips to the end.
func (w *Waker) read(ctx context.Context, seq int64) (next int64, wakes bool, err error) {
	if seq < 0 {
		newest, err := w.Feed.Newest(ctx, time.Time{}, 1)
		return newest.Next, false, err
	}
	events, err := w.Feed.After(ctx, seq, wakePage)
	for _, e := range events.Events {
		wakes = wakes || w.Wakes(e.Kind)
	}
	return events.Next, wakes, err
}
