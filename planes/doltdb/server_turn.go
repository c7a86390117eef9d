package doltdb

import (
	"context"
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
