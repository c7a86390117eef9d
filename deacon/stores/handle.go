package stores

import (
	"context"
	"errors"
	"io"
	"sync"
)

// handle is a store that is opened at its first use and stays open for later uses,
// until it is retired. Its methods may be called from many goroutines.
type handle[S io.Closer] struct {
	open func(context.Context) (S, error)
	// closing is called with a store before it is closed; nil for nothing.
	closing func(S)

	opening chan struct{} // holds a value while a goroutine opens the store
	mu      sync.Mutex
	current *opened[S] // nil while it is not open
	// retired counts the calls of retire, so that a store whose opening began
	// before one is not used after it.
	retired int
	blocked bool
}

// errBlocked reports a store that must not be open now.
var errBlocked = errors.New("the planes are lent")

// opened counts the uses of one open store.
type opened[S io.Closer] struct {
	store   S
	uses    int
	retired bool
	idle    chan struct{} // closed when it is retired and unused
}

func newHandle[S io.Closer](open func(context.Context) (S, error)) *handle[S] {
	return &handle[S]{open: open, opening: make(chan struct{}, 1)}
}

// use returns the open store until release is called. release may be called more
// than once. use fails with errBlocked after block.
func (h *handle[S]) use(ctx context.Context) (s S, release func(), err error) {
	o, _, err := h.take()
	if err != nil {
		return s, nil, err
	}
	if o != nil {
		return o.store, sync.OnceFunc(func() { h.release(o) }), nil
	}
	select { // a mutex could not be abandoned when ctx ends
	case h.opening <- struct{}{}:
		defer func() { <-h.opening }()
	case <-ctx.Done():
		return s, nil, ctx.Err()
	}
	o, before, err := h.take()
	if err != nil {
		return s, nil, err
	}
	if o == nil {
		if s, err = h.open(ctx); err != nil {
			return s, nil, err
		}
		if o, err = h.opened(s, before); err != nil {
			return s, nil, err
		}
	}
	return o.store, sync.OnceFunc(func() { h.release(o) }), nil
}

// take counts one more use of the store if it is open.
func (h *handle[S]) take() (o *opened[S], retired int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.blocked {
		return nil, 0, errBlocked
	}
	if h.current != nil {
		h.current.uses++
	}
	return h.current, h.retired, nil
}

// opened starts to use a store that was just opened. If the handle was retired
// meanwhile, the store has no other users.
func (h *handle[S]) opened(s S, before int) (*opened[S], error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.blocked {
		return nil, errors.Join(errBlocked, h.close(s))
	}
	o := &opened[S]{store: s, uses: 1, idle: make(chan struct{})}
	if h.retired == before {
		h.current = o
		return o, nil
	}
	o.retired = true
	go func() { <-o.idle; _ = h.close(s) }()
	return o, nil
}

// block is retire, and also refuses uses until unblock is called.
func (h *handle[S]) block(ctx context.Context) (closed <-chan error) {
	h.mu.Lock()
	h.blocked = true
	h.mu.Unlock()
	return h.retire(ctx)
}

func (h *handle[S]) close(s S) error {
	if h.closing != nil {
		h.closing(s)
	}
	return s.Close()
}

func (h *handle[S]) unblock() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.blocked = false
}

func (h *handle[S]) release(o *opened[S]) {
	h.mu.Lock()
	o.uses--
	last := o.retired && o.uses == 0
	h.mu.Unlock()
	if last {
		close(o.idle)
	}
}

// retire makes the next use reopen the store. Current uses continue with the
// present store, which is closed when the last of them ends, or when ctx does.
// closed then delivers the error of the close.
func (h *handle[S]) retire(ctx context.Context) (closed <-chan error) {
	h.mu.Lock()
	o := h.current
	h.current = nil
	h.retired++
	idle := false
	if o != nil {
		o.retired = true
		idle = o.uses == 0
	}
	h.mu.Unlock()
	out := make(chan error, 1)
	switch {
	case o == nil:
		out <- nil
	case idle:
		out <- h.close(o.store)
	default:
		go func() {
			select {
			case <-o.idle:
			case <-ctx.Done():
			}
			out <- h.close(o.store)
		}()
	}
	return out
}
