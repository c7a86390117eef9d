package hook

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/polecat"
	"gastown/town/rig"
)

// handedIn is what gt done prints.
type handedIn struct {
	town.Ticket
	State  town.AssignmentState `json:"state"`
	Branch string               `json:"branch,omitempty"`
	Head   string               `json:"head,omitempty"`
	// Base is the commit at which the branch left Target.
	Base   string `json:"base,omitempty"`
	Target string `json:"target,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func (o *options) done(ctx context.Context) error {
	if o.noChange != (strings.TrimSpace(o.reason) != "") {
		return town.Fail("hand in the work", `gt done, or gt done --no-change --reason TEXT`, "%w: --no-change and --reason belong together", town.ErrUsage)
	}
	h, held, err := o.caller(ctx)
	if err != nil {
		return err
	}
	r, err := h.Rigs().Open(held.Agent.Rig)
	if err != nil {
		return err
	}
	box, err := r.Sandbox(ctx, rig.Polecats, held.Agent.Name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, gitcmd.ErrNotOurs) {
		return town.Fail("hand in "+held.Bead, "gt handoff: the next session gets a new sandbox, and what is left of this one is kept", "the sandbox is no working tree any more: %w", err)
	}
	if err != nil {
		return err
	}
	unsaved, err := r.Unsaved(ctx, box)
	if err != nil {
		return err
	}
	if err := polecat.Clean(held, unsaved, o.noChange); err != nil {
		return err
	}
	out := handedIn{Ticket: held.Ticket, State: town.Finished, Reason: o.reason}
	if o.noChange {
		err = h.Rows(ctx, func(s *operational.Store) error {
			return s.End(ctx, held.Ticket, town.Finished, o.reason, held.Agent.String(), o.call.Now())
		})
	} else {
		out, err = o.submit(ctx, h, r, box, held)
	}
	if err != nil {
		return stale(held.Agent, err)
	}
	return o.finish(ctx, h, out, func(p *term.Printer) {
		if o.noChange {
			p.Line("%s is closed: %s", held.Bead, o.reason)
		} else {
			where := "at the remote"
			if !r.HasRemote() {
				where = "in the rig's clone"
			}
			p.Line("%s is %s: %s at %.12s, to be merged into %s", held.Bead, where, out.Branch, out.Head, out.Target)
		}
		p.Line("this session ends now")
	})
}

// submit hands a branch in. The row is written last, under the ticket.
func (o *options) submit(ctx context.Context, h *host.Host, r *rig.Rig, box rig.Sandbox, held operational.Assignment) (out handedIn, err error) {
	m, err := polecat.Publish(ctx, r, box, held)
	if err != nil {
		return out, err
	}
	if m.Priority, err = priority(ctx, h, held.Bead); err != nil {
		return out, err
	}
	out = handedIn{Ticket: held.Ticket, State: town.Submitted, Branch: m.Branch, Head: m.Head, Base: m.Base, Target: m.Target}
	return out, h.Rows(ctx, func(s *operational.Store) error { return s.Submit(ctx, held.Ticket, m, o.call.Now()) })
}

func priority(ctx context.Context, h *host.Host, bead string) (n int, err error) {
	s, release, err := h.Ledger(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, release()) }()
	all, err := polecat.Beads{Store: s}.Beads(ctx, []string{bead})
	return all[bead].Priority, err
}
