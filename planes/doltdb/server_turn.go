package doltdb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
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
func (o ServeOptions) queue() (leave func()) {
	lock := flock.New(filepath.Join(o.Dir, turnFile), flock.SetPermissions(0o600))
	// A command that looks holds it for a moment; a second server waits without.
	for range 10 {
		if ok, err := lock.TryLock(); ok || err != nil {
			break
		}
		time.Sleep(serverPoll)
	}
	return func() { _ = lock.Unlock() }
}

// letServerGo pauses when a server waits for the databases beside this one.
func (o Options) letServerGo(ctx context.Context) {
	path := filepath.Join(filepath.Dir(o.Dir), turnFile)
	if _, err := os.Lstat(path); err != nil {
		return // no server was ever here
	}
	lock := flock.New(path, flock.SetPermissions(0o600))
	if ok, err := lock.TryRLock(); ok || err != nil {
		_ = lock.Unlock()
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
func (o ServeOptions) takeAll(ctx context.Context) ([]*flock.Flock, error) {
	defer o.queue()()
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
			return nil, busy(plane, plane.Dir+lockSuffix)
		}
	}
}

func (o ServeOptions) tryAll() (locks []*flock.Flock, blocked string, err error) {
	for _, plane := range o.Planes {
		lock := flock.New(filepath.Join(o.Dir, plane)+lockSuffix, flock.SetPermissions(0o600))
		ok, err := lock.TryLock()
		if ok {
			locks = append(locks, lock)
			continue
		}
		for _, l := range locks {
			err = errors.Join(err, l.Unlock())
		}
		return nil, plane, err
	}
	return locks, "", nil
}
