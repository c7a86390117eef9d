// Package host puts a Town together for the commands of gt and bd, alone or inside
// the Deacon, and for the Deacon itself. It finds the Town, reads its
// configuration, and decides how each plane is opened, so that all programs use the
// same stores. It opens a plane only on demand.
package host

import (
	"context"
	"errors"

	"gastown/cmd/internal/shell"
	"gastown/deacon/invocation"
	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/secrets"
)

// Host is the Town that one call works on. It belongs to that call.
type Host struct {
	Layout layout.Town
	Config *config.Config
	// Actor is the author of the call's changes. A program may replace it before it
	// opens a plane.
	Actor town.Actor
	// ReadOnly says that the call changes nothing: Ledger then refuses writes, and
	// also opens a ledger to which nothing can be written.
	ReadOnly bool
	// May restricts the beads that Ledger lets the call change; nil for no restriction.
	May ledger.May

	call *shell.Call
	// secrets is that of WithSecrets; nil for none.
	secrets *secrets.Resolver
	// resident says that Ledger returned the Deacon's store.
	resident bool
	// opening is that of WithOneOpening, while it runs.
	opening *opening
}

// Open finds the call's Town and reads its configuration.
func Open(c *shell.Call) (*Host, error) {
	t, err := c.FindTown()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(t.Config())
	if err != nil {
		return nil, err
	}
	return New(c, t, cfg), nil
}

// New returns the Host of a Town whose configuration is already known.
func New(c *shell.Call, t layout.Town, cfg *config.Config) *Host {
	return &Host{Layout: t, Config: cfg.In(c.Getenv), Actor: c.Actor(cfg.Actor), call: c}
}

// Database says how to open one of the Town's planes for this call.
func (h *Host) Database(plane string) doltdb.Options {
	opts := Database(h.Layout, h.Config, plane)
	if opts.External != nil {
		opts.External.Getenv = h.call.Getenv
	}
	opts.Silent = h.call.Getenv(invocation.SilentEnv) != ""
	opts.Actor, opts.Wait, opts.Command = h.Actor, h.call.Wait, h.call.Name
	opts.Waiting = h.call.Progress().Wait
	if dir := h.call.Getenv("TMPDIR"); dir != "" {
		opts.Scratch = []string{dir}
	}
	return opts
}

// Ledger opens the Town's ledger until release is called. After an error release
// must not be called. Inside the Deacon it is a view of the store that the Deacon
// has open, with its caches. waiting is called with the reason when the call has to
// wait; nil shows it as the call's progress.
func (h *Host) Ledger(ctx context.Context, waiting func(what string)) (s *ledger.Store, release func() error, err error) {
	if waiting == nil {
		waiting = h.call.Progress().Wait
	}
	session := ledger.Session{
		Actor: h.Actor, Command: h.call.Name, Wait: h.call.Wait, Waiting: waiting, ReadOnly: h.ReadOnly,
	}
	if h.call.Resident != nil {
		s, free, ok := h.call.Resident.Ledger(ctx)
		if ok {
			h.resident = true
			view := s.As(session)
			view.Restrict(h.May)
			return view, func() error { free(); return nil }, nil
		}
	}
	opts := h.Database(layout.Ledger)
	opts.Waiting, opts.ReadOnly = waiting, h.ReadOnly
	if s, err = ledger.Open(ctx, opts, h.Config.Stores[layout.Ledger]); err != nil {
		return nil, nil, err
	}
	s.Restrict(h.May)
	return s, s.Close, nil
}

// WithLedger calls fn with the Town's ledger, which is open only while fn runs.
func (h *Host) WithLedger(ctx context.Context, fn func(*ledger.Store) error) (err error) {
	s, release, err := h.Ledger(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return fn(s)
}

// CachedLedger reports whether the ledger that Ledger returned answers from the
// Deacon's caches.
func (h *Host) CachedLedger() bool { return h.resident && cached(h.Config) }

// Operational opens the operational plane for fn.
func (h *Host) Operational(ctx context.Context, fn func(*operational.Store) error) (err error) {
	s, err := operational.Open(ctx, h.Database(layout.Operational), h.Config.Stores[layout.Operational])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return fn(s)
}
