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
	sign := func(plane string) feed.Sign {
		opts := h.Database(plane)
		return func() (string, bool, bool) { return doltdb.Sign(opts) }
	}
	return feed.New(feed.Options{
		Operational: h.feedPlane,
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

// feedPlane is Operational, but inside the Deacon the store the Deacon has open.
// That serves the feed alone: its rows name who did something, while what makes a
// Dolt commit must open the plane under the caller's own name.
func (h *Host) feedPlane(ctx context.Context, fn func(*operational.Store) error) error {
	if h.call.Resident != nil {
		if s, release, ok := h.call.Resident.LendOperational(ctx); ok {
			defer release()
			return fn(s)
		}
	}
	return h.Operational(ctx, fn)
}
