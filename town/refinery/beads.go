package refinery

import (
	"context"
	"time"

	"gastown/planes/ledger"
	"gastown/town/escalate"
)

// Beads is the Town's ledger as a Ledger.
type Beads struct {
	Store *ledger.Store
	Now   func() time.Time
}

var _ Ledger = Beads{}

// Needs implements Ledger.
func (b Beads) Needs(ctx context.Context, beads []string) (map[string][]string, error) {
	return b.Store.Needs(ctx, beads)
}

// Tell implements Ledger with an escalation.
func (b Beads) Tell(ctx context.Context, t escalate.Trouble) (id string, err error) {
	e, _, err := escalate.Raise(ctx, b.Store, t, b.Now())
	return e.ID, err
}

// Told implements Ledger.
func (b Beads) Told(ctx context.Context, key, reason string) error {
	_, err := escalate.Settle(ctx, b.Store, key, reason, b.Now())
	return err
}
