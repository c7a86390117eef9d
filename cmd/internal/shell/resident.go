package shell

import (
	"context"

	"gastown/planes/ledger"
	"gastown/planes/operational"
)

// Resident is what the Deacon lends to the commands that run inside it. Its methods
// may be called from many goroutines.
type Resident interface {
	// Ledger is the Town's ledger, open with its caches, until release is called.
	// ok is false when the Deacon does not have it now: the command then opens the
	// ledger itself.
	Ledger(ctx context.Context) (s *ledger.Store, release func(), ok bool)
	// LendOperational does the same for the operational plane.
	LendOperational(ctx context.Context) (s *operational.Store, release func(), ok bool)
}
