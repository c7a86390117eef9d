package doltdb

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"gastown/town"
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

// holder is what the process that has a database open says of itself in the
// lock file, for the error message of whoever waits in vain.
type holder struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
	State   state  `json:"state,omitempty"`
}

// own takes the lock beside the database directory. Where a server has it, that
// is ErrServed: waiting would be in vain.
func own(ctx context.Context, opts Options) (*flock.Flock, error) {
	return lockFile(ctx, opts, opts.Dir+lockSuffix, func() (bool, error) {
		if opts.answers() {
			return true, opts.served("use the directory of the " + opts.name() + " database")
		}
		return false, nil
	})
}

// lockFile takes a lock, waiting opts.Wait for it. The lock is the operating
// system's: it vanishes with the process that holds it, however that ends.
// instead, if any, is asked before each attempt whether there is no need.
func lockFile(ctx context.Context, opts Options, path string, instead func() (done bool, err error)) (*flock.Flock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(path, flock.SetPermissions(0o600))
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	deadline := time.After(opts.Wait)
	var over func()
	for {
		if instead != nil {
			if done, err := instead(); done || err != nil {
				return nil, err
			}
		}
		switch ok, err := lock.TryLock(); {
		case err != nil:
			return nil, fmt.Errorf("lock %s: %w", path, err)
		case ok:
			opts.note(path, "")
			return lock, nil
		}
		if over == nil { // now there is somebody who has it
			over = opts.waits(func() string { return who(path) + " has it open" })
			defer over()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline:
			return nil, busy(opts, path)
		}
	}
}

// note says in the lock file who holds it.
func (o Options) note(path string, s state) {
	// Informational: a failure to write it must not fail the command.
	if line, err := json.Marshal(holder{PID: os.Getpid(), Command: o.Command, State: s}); err == nil {
		_ = os.WriteFile(path, line, 0o600)
	}
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

// who is the process that holds a lock, as it says itself.
func who(path string) string {
	who := "another process"
	var h holder
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &h) == nil && h.PID > 0 {
		who = fmt.Sprintf("pid %d, %s", h.PID, town.Clip(h.Command, 120))
		switch h.State {
		case starting, stopping:
			who += ", which is " + string(h.State)
		case serving:
			who += ", which serves it but does not answer"
		}
	}
	return who
}

func busy(opts Options, path string) error {
	return town.Fail("open the "+opts.name()+" database",
		"wait for it to finish, then run the command again",
		"%w: held by %s (waited %s)", town.ErrBusy, who(path), opts.Wait)
}
