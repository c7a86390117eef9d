package host

import (
	"context"
	"errors"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/mail"
	"gastown/town/process"
	"gastown/town/witness"
)

// Witness patrols the rigs of some names, with the planes as this call opens them. It
// types its nudges itself.
func (h *Host) Witness(rigs []string) (*witness.Witness, error) {
	w, err := h.WitnessWith(h.Rows, h.WithLedger)
	if err != nil {
		return nil, err
	}
	sessions, err := h.Typist()
	if err != nil {
		return nil, err
	}
	d := &mail.Deliverer{Operational: h.Rows, Sessions: sessions, Now: h.call.Now}
	w.Rigs = rigs
	w.Deliver = func(ctx context.Context, agents ...town.Address) error {
		_, err := d.Pass(ctx, agents...)
		return err
	}
	return w, nil
}

// WitnessWith patrols all rigs, with planes that the caller opens. Somebody else types
// its nudges.
func (h *Host) WitnessWith(rows operational.Access, beads ledger.Access) (*witness.Witness, error) {
	t, err := h.Thresholds()
	if err != nil {
		return nil, err
	}
	c, d, err := h.WorkersWith(rows, beads)
	if err != nil {
		return nil, err
	}
	sessions, err := h.Sessions()
	if err != nil {
		return nil, err
	}
	return &witness.Witness{
		Rows: func(ctx context.Context, fn func(witness.Store) error) error {
			return rows(ctx, func(s *operational.Store) error { return fn(s) })
		},
		Beads: func(ctx context.Context, fn func(witness.Ledger) error) error {
			return beads(ctx, func(s *ledger.Store) error { return fn(witness.InLedger{Store: s, Now: h.call.Now}) })
		},
		Sessions: witness.InTmux{Tmux: sessions}, Sandboxes: &witness.InRigs{Yard: h.rigs(rows)}, Usages: process.Usages, Lock: h.lockAgent,
		Settle: settle(c), Now: h.call.Now, Rigs: d.Rigs, Thresholds: t,
	}, nil
}

// Thresholds are those of patrols in the configuration.
func (h *Host) Thresholds() (t witness.Thresholds, err error) {
	for name, to := range map[string]*time.Duration{
		"witness.start": &t.Start, "witness.quiet": &t.Quiet, "witness.idle": &t.Idle, "witness.silent": &t.Silent,
		"witness.computing": &t.Computing, "witness.progress": &t.Progress, "witness.waiting": &t.Waiting, "witness.nudge_interval": &t.NudgeInterval, "witness.hold": &t.Hold,
	} {
		d, e := h.Config.Duration(name)
		*to, err = d, errors.Join(err, e)
	}
	for name, to := range map[string]*int{"witness.nudges": &t.Nudges, "witness.recoveries": &t.Recoveries, "witness.many": &t.Many} {
		n, e := h.Config.Int(name)
		*to, err = n, errors.Join(err, e)
	}
	return t, err
}
