// Package callers coordinates the callers of one open database within a process:
// one writes at a time, and closing waits for those at work. It knows no
// database.
package callers

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrTimeout reports that the turn to write did not come before the deadline.
var ErrTimeout = errors.New("others are still writing")

// Turn lets writers in one after the other, in the order in which they came. The
// zero Turn is not valid; use NewTurn.
type Turn struct {
	taken chan struct{} // holds a token while somebody writes

	mu     sync.Mutex
	writer string

	waits  atomic.Int64
	waited atomic.Int64 // nanoseconds
}

// NewTurn makes a free Turn.
func NewTurn() *Turn { return &Turn{taken: make(chan struct{}, 1)} }

// Writer is the name of whoever writes; "" when nobody does.
func (t *Turn) Writer() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writer
}

// Take waits for the turn until the deadline and takes it under a name; waiting,
// if not nil, is called when there is somebody to wait for, and what it returns
// when the wait is over. The caller calls pass to give the turn to the next. The
// error is ErrTimeout or that of ctx.
func (t *Turn) Take(ctx context.Context, deadline time.Time, name string, waiting func() (over func())) (pass func(), err error) {
	select {
	case t.taken <- struct{}{}:
	default:
		if err := t.wait(ctx, deadline, waiting); err != nil {
			return nil, err
		}
	}
	t.set(name)
	return func() {
		t.set("")
		<-t.taken
	}, nil
}

// Waits are how many callers found the turn taken, and how long they waited in all.
func (t *Turn) Waits() (n int64, waited time.Duration) {
	return t.waits.Load(), time.Duration(t.waited.Load())
}

func (t *Turn) wait(ctx context.Context, deadline time.Time, waiting func() (over func())) error {
	began := time.Now()
	defer func() {
		t.waits.Add(1)
		t.waited.Add(int64(time.Since(began)))
	}()
	if waiting != nil {
		defer waiting()()
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case t.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	select { // this process may not have run for a while
	case t.taken <- struct{}{}:
		return nil
	default:
		return ErrTimeout
	}
}

func (t *Turn) set(writer string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writer = writer
}

// Users counts the operations under way on something that its owner may close.
// The zero Users is not valid; use NewUsers.
type Users struct {
	mu     sync.Mutex
	n      int
	closed bool
	idle   chan struct{} // closed when the last one leaves after Close
}

// NewUsers makes a Users without any.
func NewUsers() *Users { return &Users{idle: make(chan struct{})} }

// Enter begins an operation, unless Close was called; Leave ends it.
func (u *Users) Enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.n++
	return true
}

// Leave ends an operation that Enter began.
func (u *Users) Leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n--; u.n == 0 && u.closed {
		close(u.idle)
	}
}

// Close lets no operation begin and waits for those under way, at most for the
// grace. It reports whether all have ended. It may be called again.
func (u *Users) Close(grace time.Duration) bool {
	u.mu.Lock()
	if !u.closed {
		u.closed = true
		if u.n == 0 {
			close(u.idle)
		}
	}
	u.mu.Unlock()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-u.idle:
		return true
	case <-timer.C:
		return false
	}
}
