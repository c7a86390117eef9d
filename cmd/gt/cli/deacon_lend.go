package cli

import (
	"context"
	"errors"
	"time"

	"gastown/deacon/control"
	"gastown/planes/doltdb"
	"gastown/town/layout"
)

// borrow has the Town's Deacon give up the planes until release is called, for
// a command that replaces a plane's directory, which nobody may have open. With
// no Deacon there is nothing to borrow; a server of somebody else lends nothing.
func (h *workplace) borrow(ctx context.Context) (release func() error, err error) {
	opts := h.database(layout.Federation)
	err = doltdb.Serving(opts)
	if err == nil {
		return func() error { return nil }, nil
	}
	if !errors.Is(err, doltdb.ErrServed) || opts.External != nil {
		return nil, err
	}
	client := control.NewClient(h.layout.ControlSocket())
	back, lent := client.Lend(ctx)
	if lent != nil {
		client.Close()
		if errors.Is(lent, control.ErrNoDeacon) {
			return nil, err // it is starting or stopping
		}
		return nil, lent
	}
	return func() error { defer client.Close(); return back() }, nil
}

// tellTime bounds how long a command waits for the Deacon to read what it has
// changed.
const tellTime = 2 * time.Second

// tellChange has the Town's Deacon, if one runs, read the configuration anew.
// One that cannot says so in its status, and one that is not told notices
// within a minute, so this is no part of whether the command succeeds.
func (h *workplace) tellChange(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	client := control.NewClient(h.layout.ControlSocket())
	defer client.Close()
	_ = client.Reload(ctx)
}
