package host

import (
	"context"
	"errors"
	"sync"

	"gastown/planes/operational"
	"gastown/town/layout"
)

// Rows is Operational, except that inside the Deacon it uses the store that the
// Deacon has open, and within WithOneOpening the store of that opening. It is for rows
// that make no Dolt commit and name their author themselves: a commit needs a plane
// that was opened under the caller's name.
func (h *Host) Rows(ctx context.Context, fn func(*operational.Store) error) error {
	if h.call.Resident != nil {
		if s, release, ok := h.call.Resident.LendOperational(ctx); ok {
			defer release()
			return fn(s)
		}
	}
	if o := h.opening; o != nil {
		s, err := o.open(ctx, h)
		if err != nil {
			return err
		}
		return fn(s)
	}
	return h.Operational(ctx, fn)
}

// WithOneOpening calls fn. The first use of Rows opens the operational plane, and it
// stays open until fn returns: a command that uses it before and after another plane
// pays for one opening. Nobody else can open the plane meanwhile, so fn waits for
// nothing but planes, and opens none before the operational one.
func (h *Host) WithOneOpening(fn func() error) (err error) {
	h.opening = &opening{}
	defer func() {
		err = errors.Join(err, h.opening.close())
		h.opening = nil
	}()
	return fn()
}

// opening is an operational plane that stays open for several uses.
type opening struct {
	mu    sync.Mutex
	store *operational.Store
}

func (o *opening) open(ctx context.Context, h *Host) (*operational.Store, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.store != nil {
		return o.store, nil
	}
	s, err := operational.Open(ctx, h.Database(layout.Operational), h.Config.Stores[layout.Operational])
	if err == nil {
		o.store = s
	}
	return s, err
}

func (o *opening) close() error {
	if o.store == nil {
		return nil
	}
	return o.store.Close()
}
