package doltdb

import (
	"context"
	"errors"
	"time"

	"gastown/town"
	"gastown/town/lockfile"
)

// lockPoll is how often a waiting process looks whether the lock is free.
const lockPoll = 5 * time.Millisecond

const (
	// lockSuffix names the lock of whoever has a database directory open.
	lockSuffix = ".lock"
	// clientLockSuffix names the lock of whoever uses a shared database, be it
	// in this process or through a server.
	clientLockSuffix = ".client.lock"
)

// state says what the holder of a lock is about, where that explains a wait.
type state string

const (
	starting state = "starting"
	serving  state = "serving"
	stopping state = "stopping"
)

// own takes the lock beside the database directory. Where a server has it, that
// is ErrServed: waiting would be in vain.
func own(ctx context.Context, opts Options) (*lockfile.Lock, error) {
	return lockFile(ctx, opts, opts.Dir+lockSuffix, func() (bool, error) {
		if opts.answers() {
			return true, opts.served("use the directory of the " + opts.name() + " database")
		}
		return false, nil
	})
}

// lockFile takes a lock, waiting opts.Wait for it. instead, if any, is asked
// before each attempt whether there is no need.
func lockFile(ctx context.Context, opts Options, path string, instead func() (done bool, err error)) (*lockfile.Lock, error) {
	options := lockfile.Options{Command: opts.Command, Wait: opts.Wait, Poll: lockPoll, Before: instead}
	if opts.Waiting != nil {
		options.Waiting = func(h lockfile.Holder) { opts.Waiting(who(h) + " has it open") }
	}
	lock, err := lockfile.Acquire(ctx, path, options)
	var taken *lockfile.BusyError
	if errors.As(err, &taken) {
		return nil, busy(opts, taken.Holder)
	}
	return lock, err
}

// waitingAfter is how long a wait lasts before it is told of: most are over
// sooner, and are nobody's business.
const waitingAfter = time.Second

// waits has Waiting told what is waited for if that lasts, until over is called.
func (o Options) waits(what func() string) (over func()) {
	if o.Waiting == nil {
		return func() {}
	}
	timer := time.AfterFunc(waitingAfter, func() { o.Waiting(what()) })
	return func() { timer.Stop() }
}

// who words the process that holds a lock.
func who(h lockfile.Holder) string {
	if h.State == string(serving) {
		h.State = "serving it but does not answer"
	}
	return h.String()
}

func busy(opts Options, h lockfile.Holder) error {
	return town.Fail("open the "+opts.name()+" database",
		"wait for it to finish, then run the command again",
		"%w: held by %s (waited %s)", town.ErrBusy, who(h), opts.Wait)
}
