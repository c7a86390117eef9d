package federate

import (
	"context"
	"errors"
	"time"

	"gastown/sync/gitremote"
)

// meeting is what a remote said of itself while its lock was held.
type meeting struct {
	head, records string
	at            time.Time
}

// met is that both refs are as the last pull under this lock found them, and
// that what they hold is taken over.
func (l *remoteLock) met(m *gitremote.Mirror) bool {
	return l.last != nil && l.last.head == m.Head() && l.last.records == l.recordsHead()
}

// meet runs fn with a remote locked that a person agreed to, and its mirror
// open. Why fn failed is noted for status.
func (e *Engine) meet(ctx context.Context, remote Remote, fn func(*remoteLock, *gitremote.Mirror) error) (err error) {
	l, err := e.lockRemote(ctx, remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.release()) }()
	if err := e.confirmed(l); err != nil {
		return err
	}
	m, err := e.mirror(ctx, l)
	if err == nil {
		err = l.ended(fn(l, m))
	}
	if err != nil {
		e.noteFailure(remote.Name, err)
	}
	return err
}

// ErrRecords reports a call that did everything but take over the records that
// arrived, which were refused.
var ErrRecords = errors.New("the shared records were refused")

// recordsError is an ErrRecords with its reason.
type recordsError struct{ error }

func (e recordsError) Is(target error) bool { return target == ErrRecords }
func (e recordsError) Unwrap() error        { return e.error }

// ended is how a call ended whose own part ended with err.
func (l *remoteLock) ended(err error) error {
	if err == nil && l.refused != nil {
		return recordsError{l.refused}
	}
	return errors.Join(err, l.refused)
}
