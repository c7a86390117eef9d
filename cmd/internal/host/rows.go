package host

import (
	"context"

	"gastown/planes/operational"
)

// Rows is Operational, except that inside the Deacon it uses the store that the
// Deacon has open. It is for rows that make no Dolt commit and name their author
// themselves: a commit needs a plane that was opened under the caller's name.
func (h *Host) Rows(ctx context.Context, fn func(*operational.Store) error) error {
	if h.call.Resident != nil {
		if s, release, ok := h.call.Resident.LendOperational(ctx); ok {
			defer release()
			return fn(s)
		}
	}
	return h.Operational(ctx, fn)
}
