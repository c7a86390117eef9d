package sling

import (
	"context"
	"errors"
	"slices"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/polecat"
	"gastown/town/queue"
)

// slung is the outcome for one bead.
type slung struct {
	Bead string `json:"bead"`
	Rig  string `json:"rig"`
	// State is assigned, queued or returned; with --dry-run what it would be.
	State string        `json:"state"`
	Agent *town.Address `json:"agent,omitempty"`
	Run   town.Run      `json:"run,omitempty"`
	Epoch town.Epoch    `json:"epoch,omitempty"`
	// Place is where it waits in its rig's queue, from 1.
	Place int `json:"place,omitempty"`
	// Why says why it came straight back.
	Why string `json:"why,omitempty"`
}

// drive assigns what waits and tells the ledger. Without a Deacon it also starts the
// sessions; a Deacon is woken by the events. It returns what stands then, nil when that
// could not be read, and what it did.
func drive(ctx context.Context, h *host.Host) (w *operational.Work, did []polecat.Action, err error) {
	c, d, err := h.Workers()
	if err == nil {
		_, err = d.Pass(ctx)
	}
	if err == nil {
		pass := c.Settle
		if !h.HasDeacon() {
			pass = c.Pass
		}
		done, perr := pass(ctx)
		did, err = done.Actions, errors.Join(done.Err(), perr)
	}
	rerr := h.Rows(ctx, func(s *operational.Store) error {
		now, err := s.Work(ctx)
		if err == nil {
			w = &now
		}
		return err
	})
	return w, did, errors.Join(err, rerr)
}

// outcome returns the outcome for each bead. Without w it is only known to be queued.
func outcome(w *operational.Work, did []polecat.Action, wanted []operational.Waiting) []slung {
	list := make([]slung, len(wanted))
	for i, one := range wanted {
		list[i] = slung{Bead: one.Bead, Rig: one.Rig, State: "released"}
		if w == nil {
			list[i].State = "queued"
		} else if a, ok := w.Holder(one.Bead); ok {
			list[i].State, list[i].Agent, list[i].Run, list[i].Epoch = string(a.State), &a.Agent, a.Run, a.Epoch
		} else if place := queue.Place(*w, one.Bead); place > 0 {
			list[i].State, list[i].Place = "queued", place
		} else if back := slices.IndexFunc(did, func(a polecat.Action) bool {
			return a.Bead == one.Bead && (a.Deed == polecat.GiveBack || a.Deed == polecat.Return)
		}); back >= 0 {
			list[i].State, list[i].Why = string(town.Returned), did[back].Why
		}
	}
	return list
}

const nextPreset = "gt agents presets shows which programs there are, gt config agent.command NAME chooses one; then sling it again"

// errBack reports a bead whose worker did not begin.
var errBack = errors.New("it came straight back")

// cameBack is the error for the beads that came straight back.
func cameBack(list []slung) error {
	var errs []error
	for _, s := range list {
		if s.Why != "" {
			errs = append(errs, town.Fail("sling "+s.Bead, nextPreset, "%w: %s", errBack, town.Plain(s.Why)))
		}
	}
	return errors.Join(errs...)
}

func show(p *term.Printer, list []slung) {
	for _, s := range list {
		switch {
		case s.Agent != nil:
			p.Line("%s: %s to %s (run %d)", s.Bead, s.State, s.Agent, s.Run)
		case s.Place > 0:
			p.Line("%s: waits for a polecat of %s, place %d; gt queue list says for what", s.Bead, s.Rig, s.Place)
		case s.Why != "":
			p.Line("%s: it came straight back", s.Bead)
		case s.State == "queued":
			p.Line("%s: it was queued; gt queue list and gt polecat list show where it is", s.Bead)
		default:
			p.Line("%s: nobody has it any more; gt feed says why", s.Bead)
		}
	}
}
