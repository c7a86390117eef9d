package feed

import (
	"context"
	"errors"
	"sync"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
)

// defaultPoll is how often Wait looks for what other processes wrote.
const defaultPoll = time.Second

// Options say how a Feed gets at its planes.
type Options struct {
	// Operational and Ledger call fn with the open plane. Ledger may be nil: Collect
	// then does nothing.
	Operational operational.Access
	Ledger      ledger.Access
	// OperationalSign and LedgerSign tell cheaply whether the plane may have
	// changed. Without them each look costs a query. May be nil.
	OperationalSign, LedgerSign Sign
	// Poll is how often Wait looks; 0 means once a second.
	Poll time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Appender takes events: what a part of the Deacon or a command needs of the feed.
type Appender interface {
	Append(ctx context.Context, events ...Event) error
}

// Feed is the Town's stream of events. Its methods may be called from many
// goroutines.
type Feed struct {
	opts Options
	// collecting holds a value while a goroutine collects.
	collecting chan struct{}
	// ledger is the last known state of the ledger; guarded by collecting.
	ledger watch

	mu    sync.Mutex
	woken chan struct{} // closed when something was appended
}

var _ Appender = (*Feed)(nil)

// New returns a Feed. It opens nothing.
func New(o Options) *Feed {
	if o.Poll <= 0 {
		o.Poll = defaultPoll
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Feed{opts: o, collecting: make(chan struct{}, 1), ledger: watch{sign: o.LedgerSign}, woken: make(chan struct{})}
}

// errKind reports a programming error.
var errKind = errors.New("append to the feed: an event needs a kind")

// Append adds events in their order, in one transaction. They are durable when
// it returns.
func (f *Feed) Append(ctx context.Context, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	entries := make([]operational.Entry, len(events))
	for i, e := range events {
		if e.Kind == "" {
			return errKind
		}
		if e.At.IsZero() {
			e.At = f.opts.Now()
		}
		entries[i] = e.Entry()
	}
	err := f.opts.Operational(ctx, func(s *operational.Store) error {
		_, err := s.Append(ctx, entries...)
		return err
	})
	if err == nil {
		f.Wake()
	}
	return err
}

// Wake makes those who wait look at once. Call it after events were appended in
// this process by other means than Append and Collect.
func (f *Feed) Wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.woken)
	f.woken = make(chan struct{})
}

func (f *Feed) awake() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.woken
}

// After returns the events after a number, at most limit.
func (f *Feed) After(ctx context.Context, seq int64, limit int) (p Page, err error) {
	err = f.opts.Operational(ctx, func(s *operational.Store) error {
		page, err := s.FeedAfter(ctx, seq, limit)
		p = fromPage(page)
		return err
	})
	return p, err
}

// Newest returns the newest events since a time, at most limit. It includes later
// ones that happened earlier, such as changes of the ledger collected late.
func (f *Feed) Newest(ctx context.Context, since time.Time, limit int) (p Page, err error) {
	err = f.opts.Operational(ctx, func(s *operational.Store) error {
		st, err := s.FeedState(ctx)
		if err != nil {
			return err
		}
		from := st.Last - int64(max(limit, 0))
		if !since.IsZero() {
			first, err := s.FeedSince(ctx, since)
			if err != nil {
				return err
			}
			from = max(from, first)
		}
		page, err := s.FeedAfter(ctx, max(from, st.Dropped), limit)
		p = fromPage(page)
		return err
	})
	return p, err
}

// Read returns the events that a reader has not acknowledged, at most limit. A
// reader that is new begins at the oldest event. See operational.Store.ReadFeed.
func (f *Feed) Read(ctx context.Context, reader string, limit int) (p Page, err error) {
	err = f.opts.Operational(ctx, func(s *operational.Store) error {
		page, err := s.ReadFeed(ctx, reader, limit)
		p = fromPage(page)
		return err
	})
	return p, err
}

// Acknowledge moves a reader's cursor to Page.Next of what it has dealt with.
func (f *Feed) Acknowledge(ctx context.Context, reader string, next int64) error {
	return f.opts.Operational(ctx, func(s *operational.Store) error { return s.Acknowledge(ctx, reader, next) })
}

// SkipToEnd moves a reader's cursor to the end of the feed. A new reader that does
// not want earlier events calls it first.
func (f *Feed) SkipToEnd(ctx context.Context, reader string) error {
	return f.opts.Operational(ctx, func(s *operational.Store) error {
		st, err := s.FeedState(ctx)
		if err != nil {
			return err
		}
		return s.Seek(ctx, reader, st.Last)
	})
}
