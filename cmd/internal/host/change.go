package host

import (
	"context"
	"errors"
	"time"

	"gastown/cmd/internal/settings"
	"gastown/deacon/control"
	"gastown/planes/doltdb"
	"gastown/town/config"
	"gastown/town/layout"
)

// reloadTime bounds how long a command waits for the Deacon to read what it has
// changed.
const reloadTime = 2 * time.Second

// Change runs fn with the configuration locked and read anew, and saves what fn
// changed.
func (h *Host) Change(ctx context.Context, fn func(*config.Config) error) error {
	cfg, err := settings.Change(ctx, h.Layout, h.call.Name, h.call.Wait, fn)
	if cfg != nil {
		h.Config = cfg.In(h.call.Getenv)
		h.reloadDeacon(ctx)
	}
	return err
}

// reloadDeacon has the Town's Deacon, if one runs, read the configuration anew.
// One that cannot says so in its status, and one that is not reached notices the
// change within a minute, so the command succeeds whatever comes of it.
func (h *Host) reloadDeacon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reloadTime)
	defer cancel()
	client := control.NewClient(h.Layout.ControlSocket())
	defer client.Close()
	_ = client.Reload(ctx)
}

// Borrow has the Town's Deacon give up the planes until release is called, for a
// command that replaces a plane's directory, which nobody may have open. Without
// a Deacon there is nothing to borrow. A Dolt SQL server of somebody else lends
// nothing.
func (h *Host) Borrow(ctx context.Context) (release func() error, err error) {
	opts := h.Database(layout.Federation)
	err = doltdb.Serving(opts)
	if err == nil {
		return func() error { return nil }, nil
	}
	if !errors.Is(err, doltdb.ErrServed) || opts.External != nil {
		return nil, err
	}
	client := control.NewClient(h.Layout.ControlSocket())
	giveBack, lendErr := client.Lend(ctx)
	if lendErr != nil {
		client.Close()
		if errors.Is(lendErr, control.ErrNoDeacon) {
			return nil, err // it is starting or stopping
		}
		return nil, lendErr
	}
	return func() error { defer client.Close(); return giveBack() }, nil
}
