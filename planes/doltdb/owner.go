package doltdb

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"gastown/planes/doltdb/internal/wire"
	"gastown/town/lockfile"
)

// lockPoll is how often a waiting process looks whether the lock is free.
const lockPoll = 5 * time.Millisecond

// clientLockSuffix, after a database's directory, names the lock of whoever uses a
// shared database, in this process or through a server.
const clientLockSuffix = ".client.lock"

// politePause is how long a command lets a waiting server go first. It does not
// wait longer: the server may be waiting for what the command has open.
const politePause = 40 * time.Millisecond

// own takes the lock beside the database directory. When a server has the
// directory, waiting would be useless, so it fails with ErrServed.
func own(ctx context.Context, opts Options) (*lockfile.Lock, error) {
	return lockFile(ctx, opts, opts.Dir+wire.LockSuffix, false, func() (bool, error) {
		if opts.answers() {
			return true, opts.served("use the directory of the " + opts.name() + " database")
		}
		return false, nil
	})
}

// LockDirectory keeps every process from opening a database, so that its directory
// can be moved or replaced although the database itself cannot be opened. It fails
// with ErrServed when a server has the directory.
func LockDirectory(ctx context.Context, opts Options) (release func() error, err error) {
	opts = opts.withDefaults()
	if opts.External != nil {
		return nil, opts.served("use the directory of the " + opts.name() + " database")
	}
	client, err := lockFile(ctx, opts, opts.Dir+clientLockSuffix, false, nil)
	if err != nil {
		return nil, err
	}
	lock, err := own(ctx, opts)
	if err != nil {
		return nil, errors.Join(err, client.Release())
	}
	return func() error { return errors.Join(lock.Release(), client.Release()) }, nil
}

// lockFile takes a lock, waiting opts.Wait for it. existing says that the database
// is there already, so that a Town which is moved at this moment is not made anew in
// its former place. instead, if not nil, is asked before each attempt whether the
// lock is still needed.
func lockFile(ctx context.Context, opts Options, path string, existing bool, instead func() (done bool, err error)) (*lockfile.Lock, error) {
	options := lockfile.Options{Command: opts.Command, Wait: opts.Wait, Poll: lockPoll, Existing: existing, Before: instead}
	if opts.Waiting != nil {
		options.Waiting = func(h lockfile.Holder) { opts.Waiting(wire.Describe(h) + " has it open") }
	}
	lock, err := lockfile.Acquire(ctx, path, options)
	var taken *lockfile.BusyError
	if errors.As(err, &taken) {
		return nil, wire.Busy(opts.name(), taken.Waited, taken.Holder)
	}
	if existing && errors.Is(err, fs.ErrNotExist) {
		return nil, opts.missing(opts.Dir)
	}
	return lock, err
}

// waitingAfter is how long a wait lasts before Waiting is called; most waits are
// shorter.
const waitingAfter = time.Second

// waits calls Waiting with the reason of the wait, unless over is called soon.
func (o Options) waits(what func() string) (over func()) {
	if o.Waiting == nil {
		return func() {}
	}
	timer := time.AfterFunc(waitingAfter, func() { o.Waiting(what()) })
	return func() { timer.Stop() }
}

// letServerGo pauses when a server waits for the databases beside this one.
func (o Options) letServerGo(ctx context.Context) {
	if _, waits, err := lockfile.Look(filepath.Join(filepath.Dir(o.Dir), wire.TurnFile)); !waits || err != nil {
		return
	}
	timer := time.NewTimer(politePause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
