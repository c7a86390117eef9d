package doltdb

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"gastown/town/lockfile"
)

const (
	// turnFile is locked by a server that waits for the databases of its
	// directory.
	turnFile = "server.lock"
	// politePause is how long a command lets a waiting server go first. It does
	// not wait for it: the server may wait for what the command has open.
	politePause = 40 * time.Millisecond
	// serverPoll is how often a waiting server looks whether the locks are free.
	serverPoll = time.Millisecond
)

// queue tells commands that a server waits, until the returned function is
// called. Without it, many short commands could keep a server out for long:
// locks know no order.
func (o ServeOptions) queue(ctx context.Context) (leave func()) {
	// A command that looks holds it for a moment; a second server waits without.
	lock, err := lockfile.Acquire(ctx, filepath.Join(o.Dir, turnFile),
		lockfile.Options{Command: o.Command, Wait: 10 * serverPoll, Poll: serverPoll})
	if err != nil {
		return func() {}
	}
	return func() { _ = lock.Release() }
}

// letServerGo pauses when a server waits for the databases beside this one.
func (o Options) letServerGo(ctx context.Context) {
	if _, waits, err := lockfile.Look(filepath.Join(filepath.Dir(o.Dir), turnFile)); !waits || err != nil {
		return
	}
	timer := time.NewTimer(politePause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// takeAll takes the locks of all databases or of none: a command that has one
// and waits for another must not wait for a server that does the same.
func (o ServeOptions) takeAll(ctx context.Context) ([]*lockfile.Lock, error) {
	defer o.queue(ctx)()
	tick := time.NewTicker(serverPoll)
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
			plane := o.plane(blocked)
			return nil, busy(plane, lockfile.Read(plane.Dir+lockSuffix))
		}
	}
}

func (o ServeOptions) tryAll() (locks []*lockfile.Lock, blocked string, err error) {
	for _, plane := range o.Planes {
		lock, err := lockfile.Try(filepath.Join(o.Dir, plane)+lockSuffix, o.Command)
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
