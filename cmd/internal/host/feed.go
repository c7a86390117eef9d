package host

import (
	"context"
	"errors"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/town/feed"
	"gastown/town/layout"
)

// Feed is the Town's stream of events. It opens the planes only while it reads or
// writes them, so a command that follows the feed does not block others.
func (h *Host) Feed() *feed.Feed {
	sign := func(plane string) feed.Sign {
		opts := h.Database(plane)
		return func() (string, bool, bool) { return doltdb.Sign(opts) }
	}
	return feed.New(feed.Options{
		Operational: h.Rows,
		Ledger: func(ctx context.Context, fn func(*ledger.Store) error) (err error) {
			s, release, err := h.Ledger(ctx, nil)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, release()) }()
			return fn(s)
		},
		OperationalSign: sign(layout.Operational), LedgerSign: sign(layout.Ledger),
	})
}
