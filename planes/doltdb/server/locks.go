package server

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"gastown/planes/doltdb/internal/wire"
	"gastown/town/lockfile"
)

// pollInterval is how often a waiting server looks whether the locks are free.
const pollInterval = time.Millisecond

// announce tells commands that a server waits, until leave is called. Commands
// then let the server go first. Without it many short commands could keep a
// server waiting for long, because locks know no order.
func (o Options) announce(ctx context.Context) (leave func()) {
	// A command that looks holds it for a moment; a second server goes without.
	lock, err := lockfile.Acquire(ctx, filepath.Join(o.Dir, wire.TurnFile),
		lockfile.Options{Command: o.Command, Wait: 10 * pollInterval, Poll: pollInterval, Existing: true})
	if err != nil {
		return func() {}
	}
	return func() { _ = lock.Release() }
}

// takeAll takes the locks of all databases or of none: a command that has one
// and waits for another must not wait for a server that does the same.
func (o Options) takeAll(ctx context.Context) ([]*lockfile.Lock, error) {
	defer o.announce(ctx)()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	deadline := time.After(o.Wait)
	for {
		locks, blocked, err := o.tryAll()
		if err != nil || blocked == "" {
			return locks, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline:
			return nil, wire.Busy(blocked, o.Wait, lockfile.Read(o.lockPath(blocked)))
		}
	}
}

func (o Options) tryAll() (locks []*lockfile.Lock, blocked string, err error) {
	for _, plane := range o.Planes {
		lock, err := lockfile.TryExisting(o.lockPath(plane), o.Command)
		if lock != nil {
			locks = append(locks, lock)
			continue
		}
		for _, l := range locks {
			err = errors.Join(err, l.Release())
		}
		return nil, plane, err
	}
	return locks, "", nil
}

func (o Options) lockPath(plane string) string {
	return filepath.Join(o.Dir, plane) + wire.LockSuffix
}
