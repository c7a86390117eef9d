package federate

import (
	"cmp"
	"context"

	"gastown/sync/gitremote"
	"gastown/town/lockfile"
)

// remoteLock serialises everything that touches one remote's directory, across
// processes. Git children inherit its file, so that it outlives a killed gt until
// they have ended too.
type remoteLock struct {
	remote Remote
	// address is where the remote is, once that is known to differ from its URL.
	address string
	lock    *lockfile.Lock
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
	lock, err := lockfile.Acquire(ctx, e.opts.Layout.Lock("remote-"+r.Name),
		lockfile.Options{Command: e.opts.Command, Wait: e.opts.Wait, Op: "sync with " + r.Name})
	if err != nil {
		return nil, err
	}
	return &remoteLock{remote: r, lock: lock}, nil
}

// release gives the lock up at once, also where a git child still has the
// descriptor: it was waited for.
func (l *remoteLock) release() error { return l.lock.Release() }
