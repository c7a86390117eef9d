package host

import (
	"context"
	"errors"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/feed"
	"gastown/town/layout"
)

// Feed is the Town's stream of events. The planes are open only while it reads or
// writes them, so that one who follows it keeps nobody out.
func (h *Host) Feed() *feed.Feed {
	return NewFeed(h.Database, h.Operational, func(ctx context.Context, fn func(*ledger.Store) error) (err error) {
		s, release, err := h.Ledger(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, release()) }()
		return fn(s)
	})
}

// NewFeed makes the feed of a Town whose planes are opened by the given functions.
func NewFeed(
	database func(plane string) doltdb.Options,
	openOperational func(context.Context, func(*operational.Store) error) error,
	openLedger func(context.Context, func(*ledger.Store) error) error,
) *feed.Feed {
	sign := func(plane string) feed.Sign {
		opts := database(plane)
		return func() (string, bool, bool) { return doltdb.Sign(opts) }
	}
	return feed.New(feed.Options{
		Operational: openOperational, Ledger: openLedger,
		OperationalSign: sign(layout.Operational), LedgerSign: sign(layout.Ledger),
	})
}
