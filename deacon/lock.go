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

// claim takes the Town's Deacon lock; town.ErrBusy when another has it.
func claim(ctx context.Context, t layout.Town, command string) (*lockfile.Lock, error) {
	// Waiting a moment: Holder has the lock while it looks.
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

// Holder says whether a Deacon runs in the Town, starts or stops, and which
// process it is. It asks the kernel, not a file.
func Holder(t layout.Town) (who string, held bool, err error) {
	h, held, err := lockfile.Look(t.DeaconLock())
	if err != nil || !held {
		return "", false, err
	}
	return running(h), true, nil
}
