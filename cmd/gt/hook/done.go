package hook

import (
	"context"
	"errors"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
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
	if err != nil {
		return err
	}
	unsaved, err := r.Unsaved(ctx, box)
	if err != nil {
		return err
	}
	if err := clean(held, unsaved, o.noChange); err != nil {
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
			p.Line("%s is at the remote: %s at %.12s, to be merged into %s", held.Bead, out.Branch, out.Head, out.Target)
		}
		p.Line("this session ends now")
	})
}

// clean refuses to hand in while the sandbox has something that would be left out.
func clean(held operational.Assignment, u rig.Unsaved, noChange bool) error {
	files := u
	files.Commits, files.Stashes = nil, nil
	switch {
	case !files.Empty():
		return town.Fail("hand in "+held.Bead, "commit what belongs to it, and remove or ignore the rest: git status", "%w: the sandbox has %s", town.ErrRefused, files)
	case noChange && len(u.Commits) > 0:
		return town.Fail("hand in "+held.Bead+" without a change", "gt done hands them in", "%w: the sandbox has %s", town.ErrRefused, u)
	}
	return nil
}

// submit pushes the branch, sees it at the remote, and makes the merge request. The
// row is written last, under the ticket: a former run that comes late has pushed to a
// branch of its own and changes nothing else.
func (o *options) submit(ctx context.Context, h *host.Host, r *rig.Rig, box rig.Sandbox, held operational.Assignment) (out handedIn, err error) {
	branch := held.Agent.Branch(held.Bead)
	op := "hand in " + held.Bead
	if box.Branch != branch {
		return out, town.Fail(op, "git switch "+branch+", with your commits on it", "%w: the sandbox has the branch %q checked out, not %s", town.ErrRefused, town.Clip(box.Branch, 80), branch)
	}
	base := ""
	if box.Head != "" {
		if base, err = r.Left(ctx, box.Head); err != nil {
			return out, err
		}
	}
	if box.Head == base {
		return out, town.Fail(op, "commit your work, or say why there is none: gt done --no-change --reason TEXT", "%w: there is no commit on %s that %s does not have", town.ErrRefused, branch, r.Branch)
	}
	before, err := r.At(ctx, branch)
	if err != nil {
		return out, err
	}
	head, err := r.Push(ctx, box, branch, before)
	if err != nil {
		return out, err
	}
	at, same, err := r.Pushed(ctx, box, branch)
	if err == nil && !same {
		err = town.Fail(op, "run gt done again", "%w: the remote has %.12s on %s, the sandbox has %.12s", town.ErrBusy, at, branch, head)
	}
	if err != nil {
		return out, err
	}
	priority, err := priority(ctx, h, held.Bead)
	if err != nil {
		return out, err
	}
	out = handedIn{Ticket: held.Ticket, State: town.Submitted, Branch: branch, Head: head, Base: base, Target: r.Branch}
	return out, h.Rows(ctx, func(s *operational.Store) error {
		return s.Submit(ctx, held.Ticket, operational.MergeRequest{Branch: branch, Head: head, Base: base, Target: r.Branch, Priority: priority}, o.call.Now())
	})
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
