package feed

import (
	"context"

	"gastown/planes/operational"
	"gastown/town/ticks"
)

// Sign tells whether a database may have changed, without asking it: see
// doltdb.Sign.
type Sign func() (sign string, settled, ok bool)

// watch remembers the sign of a database when it was last asked.
type watch struct {
	sign          Sign
	seen, next    string
	quiet, steady bool
}

// changed reports that the database has to be asked.
func (w *watch) changed() bool {
	w.steady = false
	if w.sign == nil {
		return true
	}
	sign, settled, ok := w.sign()
	if ok && w.quiet && sign == w.seen {
		return false
	}
	w.next, w.steady = sign, ok && settled
	return true
}

// looked notes that the database was asked after changed. The answer holds until
// the sign changes, if no write was under way.
func (w *watch) looked() { w.seen, w.quiet = w.next, w.steady }

// Wait returns when the feed has another end than seq, which is Page.Next of what
// the caller has read, or when ctx ends. It collects what changes in the ledger
// meanwhile. It is woken at once by what this process appends, and sees what
// others append within Options.Poll.
func (f *Feed) Wait(ctx context.Context, seq int64) error {
	return ended(ctx, f.wait(ctx, seq))
}

// ended prefers the end of ctx to what a database says of it.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (f *Feed) wait(ctx context.Context, seq int64) error {
	feed := watch{sign: f.opts.OperationalSign}
	for {
		woken := f.awake() // before looking, so that nothing is missed
		if err := f.collectChanged(ctx); err != nil {
			return err
		}
		if feed.changed() {
			var last int64
			err := f.opts.Operational(ctx, func(s *operational.Store) error {
				st, err := s.FeedState(ctx)
				last = st.Last
				return err
			})
			if err != nil {
				return err
			}
			if last != seq {
				return nil
			}
			feed.looked()
		}
		select {
		case <-woken:
			feed.quiet = false
		case <-ticks.Next(f.opts.Poll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Follow calls handle with each page of what a reader has not acknowledged, at
// most limit events each, acknowledges it when handle returned nil, and waits for
// more. It returns the first error, or ctx's when ctx ends.
func (f *Feed) Follow(ctx context.Context, reader string, limit int, handle func(context.Context, Page) error) error {
	return ended(ctx, f.follow(ctx, reader, limit, handle))
}

func (f *Feed) follow(ctx context.Context, reader string, limit int, handle func(context.Context, Page) error) error {
	for {
		p, err := f.Read(ctx, reader, limit)
		if err != nil {
			return err
		}
		if len(p.Events) == 0 && p.Loss == nil {
			if err := f.Wait(ctx, p.Next); err != nil {
				return err
			}
			continue
		}
		if err := handle(ctx, p); err != nil {
			return err
		}
		if err := f.Acknowledge(ctx, reader, p.Next); err != nil {
			return err
		}
	}
}
