package deacon

import (
	"context"
	"errors"
	"time"

	"gastown/town"
	"gastown/town/layout"
	"gastown/town/lockfile"
)

// claimWait is how long a start waits for the lock.
const claimWait = 300 * time.Millisecond

// claim takes the Town's Deacon lock, or returns town.ErrBusy when another process
// has it.
func claim(ctx context.Context, t layout.Town, command string) (*lockfile.Lock, error) {
	// It waits a moment because Look takes the lock while it checks.
	l, err := lockfile.Acquire(ctx, t.DeaconLock(), lockfile.Options{Command: command, Wait: claimWait})
	var busy *lockfile.BusyError
	switch {
	case errors.As(err, &busy):
		if p, err := Look(t); err == nil && p.Stopped {
			return nil, p.Silent("start the Deacon", 0)
		}
		return nil, town.Fail("start the Deacon", "gt deacon status tells about it; gt deacon restart replaces it",
			"%w: %s runs in this Town already", town.ErrBusy, Presence{PID: busy.Holder.PID})
	case err != nil && ctx.Err() == nil:
		return nil, town.Fail("start the Deacon", "make "+t.Deacon()+" writable for you", "%w", err)
	}
	return l, err
}
