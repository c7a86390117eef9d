package federate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"gastown/sync/gitremote"
	"gastown/town"
)

// lockPoll is how often a waiting process looks whether a lock is free.
const lockPoll = 10 * time.Millisecond

// remoteLock serialises everything that touches one remote's directory, across
// processes. The operating system drops it with its holder. It is a plain
// flock because git children inherit the descriptor: the lock then outlives a
// killed gt until they are gone too.
type remoteLock struct {
	remote Remote
	// address is where the remote is, once that is known to differ from its URL.
	address string
	file    *os.File
	// ledger is the mirror of shared records, beside the one that is open; nil
	// when they are not exchanged.
	ledger *gitremote.Mirror
	// refused is why the records that arrived last were not taken; what else was
	// to be done is done all the same.
	refused error
	// last is what the last pull under this lock found; nil after one that failed.
	last *meeting
	// notes are for people, to be told with the outcome.
	notes []string
}

// where is the address of the remote.
func (l *remoteLock) where() string { return cmp.Or(l.address, l.remote.URL) }

// told takes the notes, for the outcome they are told with.
func (l *remoteLock) told() []string {
	notes := l.notes
	l.notes = nil
	return notes
}

func (e *Engine) lockRemote(ctx context.Context, r Remote) (_ *remoteLock, err error) {
	defer func() { err = e.disk(err) }()
	path := e.opts.Layout.Lock("remote-" + r.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := e.waitFor(ctx, r, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// Informational only.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "pid %d, %s", os.Getpid(), e.opts.Command), 0)
	}
	return &remoteLock{remote: r, file: f}, nil
}

func (e *Engine) waitFor(ctx context.Context, r Remote, f *os.File) error {
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	deadline := time.After(e.opts.Wait)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock remote %s: %w", r.Name, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			who, _ := os.ReadFile(f.Name())
			return town.Fail("sync with "+r.Name, "wait for it to finish, then run the command again",
				"%w: held by %s (waited %s)", town.ErrBusy, town.Clip(string(who), 120), e.opts.Wait)
		}
	}
}

// release gives the lock up at once, also where a git child still has the
// descriptor: it was waited for.
func (l *remoteLock) release() error {
	return errors.Join(unix.Flock(int(l.file.Fd()), unix.LOCK_UN), l.file.Close())
}
