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

// reloadTime bounds how long a command waits for the Deacon to read the changed
// configuration.
const reloadTime = 2 * time.Second

// Change runs fn with the configuration locked and freshly read, and saves the
// changes fn made.
func (h *Host) Change(ctx context.Context, fn func(*config.Config) error) error {
	cfg, err := settings.Change(ctx, h.call, h.Layout, fn)
	if cfg != nil {
		h.Config = cfg.In(h.call.Getenv)
		h.reloadDeacon(ctx)
	}
	return err
}

// reloadDeacon has the Town's Deacon, if one runs, reload the configuration. A
// Deacon that cannot reload says so in its status, and one that cannot be reached
// notices the change by itself, so the command succeeds in any case.
func (h *Host) reloadDeacon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reloadTime)
	defer cancel()
	client := control.NewClient(h.Layout.ControlSocket())
	defer client.Close()
	_ = client.Reload(ctx)
}

// Borrow has the Town's Deacon give up the planes until release is called, for a
// command that replaces a plane's directory while no process may have it open.
// Without a Deacon, or with an external Dolt SQL server, there is nothing to
// borrow.
func (h *Host) Borrow(ctx context.Context) (release func() error, err error) {
	opts := h.Database(layout.Federation)
	err = doltdb.Serving(opts)
	if err == nil {
		return func() error { return nil }, nil
	}
	if !errors.Is(err, doltdb.ErrServed) || opts.External != nil {
		return nil, err
	}
	client, _, reachErr := Reach(ctx, h.Layout, "borrow the planes from the Deacon")
	if errors.Is(reachErr, control.ErrNoDeacon) {
		return nil, err // it has just ended
	}
	if reachErr != nil {
		return nil, reachErr
	}
	giveBack, lendErr := client.Lend(ctx)
	if lendErr != nil {
		client.Close()
		if errors.Is(lendErr, control.ErrNoDeacon) {
			return nil, err // the Deacon is starting or stopping
		}
		return nil, lendErr
	}
	return func() error { defer client.Close(); return giveBack() }, nil
}
