package rig

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/rig"
)

func removeCommand() shell.Command {
	return shell.Command{
		Name: "remove", Help: "Remove a rig and its sandboxes. Refused while work is in flight or something is not saved at the remote.",
		Examples: []string{"gt rig remove web", "gt rig remove web --force      # saves what is unsaved to rescue refs first"},
		Planes:   []string{layout.Operational}, Permission: shell.MayAdminRig, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &rigOptions{call: call}
			c.Arg("name", "The rig.").Required().StringVar(&o.name)
			c.Flag("force", "Save what is unsaved to rescue refs at the remote, then remove.").BoolVar(&o.force)
			return o.remove
		},
	}
}

// removed is the result of gt rig remove.
type removed struct {
	Rig     string      `json:"rig"`
	Rescued []rig.Saved `json:"rescued"`
}

func (o *rigOptions) remove(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	r, err := h.Rigs().Open(o.name)
	if err != nil {
		return err
	}
	if err := o.idle(ctx, h); err != nil {
		return err
	}
	out := removed{Rig: r.Name, Rescued: []rig.Saved{}}
	var kept []error
	for _, kind := range []rig.Kind{rig.Polecats, rig.Crew} {
		names, err := r.Sandboxes(kind)
		if err != nil {
			return err
		}
		for _, name := range names {
			s := rig.Sandbox{Rig: r.Name, Kind: kind, Name: name}
			if o.force {
				saved, err := r.Rescue(ctx, s, "gt rig remove")
				if err != nil {
					kept = append(kept, err)
					continue
				}
				if saved.Ref != "" {
					out.Rescued = append(out.Rescued, saved)
				}
			} else if held, err := r.Unsaved(ctx, s); err != nil || held.Held() {
				kept = append(kept, err)
				if err == nil {
					kept[len(kept)-1] = fmt.Errorf("%s holds %s", s.Address(), held)
				}
			}
		}
	}
	if len(kept) > 0 {
		return town.Fail("remove the rig "+r.Name, "commit and push what is there, or let gt save it: gt rig remove "+r.Name+" --force", "%w: %w", town.ErrRefused, errors.Join(kept...))
	}
	for _, kind := range []rig.Kind{rig.Polecats, rig.Crew} {
		names, err := r.Sandboxes(kind)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := r.Remove(ctx, rig.Sandbox{Rig: r.Name, Kind: kind, Name: name}); err != nil {
				return err
			}
		}
	}
	if o.force {
		saved, err := r.RescueClone(ctx, "gt rig remove")
		if err != nil {
			return err
		}
		if saved.Ref != "" {
			out.Rescued = append(out.Rescued, saved)
		}
	}
	if err := r.Forget(ctx); err != nil {
		return err
	}
	return o.call.Changed(out, func(p *term.Printer) {
		for _, s := range out.Rescued {
			p.Line("rescued %s to %s", s.What, s.Ref)
		}
		p.Line("removed %s; the ids of its beads keep their prefix", r.Name)
	})
}

// idle refuses to remove a rig on which somebody works.
func (o *rigOptions) idle(ctx context.Context, h *host.Host) error {
	return h.Operational(ctx, func(s *operational.Store) error {
		w, err := s.Work(ctx)
		if err != nil {
			return err
		}
		for _, a := range w.Assignments {
			if a.Agent.Rig == o.name && a.State.Held() {
				return town.Fail("remove the rig "+o.name, "wait for it, or end it: gt polecat nuke "+a.Agent.String(), "%w: %s has %s (%s)", town.ErrRefused, a.Agent, a.Bead, a.State)
			}
		}
		for _, m := range w.Merges {
			if m.Agent.Rig == o.name {
				return town.Fail("remove the rig "+o.name, "wait until it has landed or was returned: gt status", "%w: the merge request of %s is open, %s at %.12s", town.ErrRefused, m.Bead, m.Branch, m.Head)
			}
		}
		for _, q := range w.Queue {
			if q.Rig == o.name {
				return town.Fail("remove the rig "+o.name, "gt queue list shows it", "%w: %s waits in the queue", town.ErrRefused, q.Bead)
			}
		}
		return nil
	})
}
