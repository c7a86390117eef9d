package deacon

import (
	"context"
	"errors"
	"fmt"
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
	// It waits a moment because Holder takes the lock while it checks.
	l, err := lockfile.Acquire(ctx, t.DeaconLock(), lockfile.Options{Command: command, Wait: claimWait})
	var busy *lockfile.BusyError
	switch {
	case errors.As(err, &busy):
		return nil, town.Fail("start the Deacon", "gt deacon status tells about it; gt deacon restart replaces it",
			"%w: %s runs in this Town already", town.ErrBusy, running(busy.Holder))
	case err != nil && ctx.Err() == nil:
		return nil, town.Fail("start the Deacon", "make "+t.Deacon()+" writable for you", "%w", err)
	}
	return l, err
}

// running says who holds the lock.
func running(h lockfile.Holder) string {
	if h.PID > 0 {
		return fmt.Sprintf("a Deacon (pid %d)", h.PID)
	}
	return "a Deacon"
}

// Holder reports whether a Deacon runs, starts or stops in the Town, and its
// process. It asks the kernel and does not rely on a file's content.
func Holder(t layout.Town) (who string, held bool, err error) {
	h, held, err := lockfile.Look(t.DeaconLock())
	if err != nil || !held {
		return "", false, err
	}
	return running(h), true, nil
}
