package polecat

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/polecat"
)

func (o *options) nuke(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	w, err := work(ctx, h)
	if err != nil {
		return err
	}
	var all []town.Address
	for _, name := range o.names {
		a, err := find(w, name)
		if err != nil {
			return err
		}
		all = append(all, a.Address)
	}
	return o.remove(ctx, h, all, o.reason)
}

// remove nukes polecats, and tells the ledger of the beads that they had.
func (o *options) remove(ctx context.Context, h *host.Host, all []town.Address, reason string) error {
	c, _, err := h.Workers()
	if err != nil {
		return err
	}
	done, failed := []polecat.Nuked{}, []error{}
	for _, a := range all {
		one, err := c.Nuke(ctx, a, reason)
		if err != nil {
			failed = append(failed, town.Fail("nuke "+a.String(), "what is in its sandbox is still there; try again when the cause is gone", "%w", err))
			continue
		}
		done = append(done, one)
	}
	settled, err := c.Settle(ctx)
	failed = append(failed, settled.Err(), err, note(ctx, h, done, reason))
	err = o.call.Changed(done, func(p *term.Printer) {
		for _, n := range done {
			line := "removed " + n.Agent.String()
			if n.Bead != "" {
				line += ", gave " + n.Bead + " back"
			}
			if n.Saved != "" {
				line += ", saved its work at " + n.Saved
			}
			p.Line("%s", line)
		}
	})
	return errors.Join(append(failed, err)...)
}

// note comments on each bead that was given back: why, and where its work is saved. The
// next worker finds it there.
func note(ctx context.Context, h *host.Host, done []polecat.Nuked, reason string) error {
	done = slices.DeleteFunc(slices.Clone(done), func(n polecat.Nuked) bool { return n.Bead == "" })
	if len(done) == 0 {
		return nil
	}
	return h.WithLedger(ctx, func(s *ledger.Store) error {
		var failed []error
		for _, n := range done {
			text := "taken from " + n.Agent.String() + ": " + reason
			if n.Saved != "" {
				text += "\nits work is saved at " + n.Saved + "; to look at it: git fetch origin " + n.Saved
			}
			if _, err := s.Comment(ctx, n.Bead, text); err != nil && !errors.Is(err, ledger.ErrUnknown) {
				failed = append(failed, err)
			}
		}
		return errors.Join(failed...)
	})
}

func (o *options) cleanup(ctx context.Context) error {
	if !o.stuck { // --no-stuck
		return town.Fail("clean up polecats", "gt polecat cleanup --stuck", "%w: say which polecats", town.ErrUsage)
	}
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	// What is stuck shows only after somebody looked.
	if _, err := o.pass(ctx, h); err != nil {
		return err
	}
	w, err := work(ctx, h)
	if err != nil {
		return err
	}
	polecats, err := o.ofRig(h, w)
	if err != nil {
		return err
	}
	stuck := []operational.Agent{}
	var all []town.Address
	for _, a := range polecats {
		if polecat.IsStuck(a) {
			stuck, all = append(stuck, a), append(all, a.Address)
		}
	}
	if o.dryRun || len(stuck) == 0 {
		return o.call.Show(stuck, func(p *term.Printer) {
			if len(stuck) == 0 {
				p.Line("no polecat is stuck")
			}
			for _, a := range stuck {
				p.Line("%s is %s: %s", a.Address, a.State, a.Evidence)
			}
		})
	}
	return o.remove(ctx, h, all, "it was stuck")
}

// pass runs one pass of dispatcher and controller.
func (o *options) pass(ctx context.Context, h *host.Host) (did []string, err error) {
	c, d, err := h.Workers()
	if err != nil {
		return nil, err
	}
	made, err := d.Pass(ctx)
	did = []string{}
	for _, a := range made {
		did = append(did, fmt.Sprintf("assign %s %s", a.Agent, a.Bead))
	}
	if err != nil {
		return did, err
	}
	done, err := c.Pass(ctx)
	for _, a := range done.Actions {
		did = append(did, a.String())
	}
	return did, errors.Join(done.Err(), err)
}

func (o *options) patrol(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	did, failed := o.pass(ctx, h)
	err = o.call.Summary(struct {
		Did []string `json:"did"`
	}{did}, func(p *term.Printer) {
		if len(did) == 0 {
			p.Line("nothing to do")
		}
		for _, line := range did {
			p.Line("%s", line)
		}
	})
	return errors.Join(failed, err)
}
