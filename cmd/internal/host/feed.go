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

// Feed is the Town's stream of events. It opens the planes only while it reads or
// writes them, so a command that follows the feed does not block others.
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

// feedPlane is Operational, except that inside the Deacon it uses the store that
// the Deacon has open. Only the feed may do so: its rows name the actor themselves,
// while a Dolt commit needs a plane that was opened under the caller's name.
func (h *Host) feedPlane(ctx context.Context, fn func(*operational.Store) error) error {
	if h.call.Resident != nil {
		if s, release, ok := h.call.Resident.LendOperational(ctx); ok {
			defer release()
			return fn(s)
		}
	}
	return h.Operational(ctx, fn)
}
