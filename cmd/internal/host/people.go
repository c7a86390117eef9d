package host

import (
	"context"
	"slices"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/feed"
	"gastown/town/mail"
	"gastown/town/rig"
)

// Caller says who runs the command.
func (h *Host) Caller() (mail.Caller, error) {
	c, err := town.WhoCalls(h.call.Getenv, h.Layout.Rigs(), h.call.Dir)
	return mail.As(c, h.Actor.Name), err
}

// Directory is who can be written to: the rigs, the agents that are known, and the
// people who have a clone of a rig.
func (h *Host) Directory(ctx context.Context) (d mail.Directory, agents []operational.Agent, err error) {
	err = h.Rows(ctx, func(s *operational.Store) error {
		w, err := s.Work(ctx)
		agents = w.Agents
		return err
	})
	if err != nil {
		return d, nil, err
	}
	for _, a := range agents {
		d.Agents = append(d.Agents, a.Address)
		if a.Address.Rig != "" && !slices.Contains(d.Rigs, a.Address.Rig) {
			d.Rigs = append(d.Rigs, a.Address.Rig)
		}
	}
	rigs, err := h.Rigs().Load()
	if err != nil {
		return d, nil, err
	}
	for _, r := range rigs {
		if !slices.Contains(d.Rigs, r.Name) {
			d.Rigs = append(d.Rigs, r.Name)
		}
	}
	open, err := h.SomeRigs("")
	if err != nil {
		return d, nil, err
	}
	for _, r := range open {
		names, err := r.Sandboxes(rig.Crew)
		if err != nil {
			return d, nil, err
		}
		for _, name := range names {
			if a := (town.Address{Kind: town.Crew, Rig: r.Name, Name: name}); !slices.Contains(d.Agents, a) {
				d.Agents = append(d.Agents, a)
			}
		}
	}
	return d, agents, nil
}

// Wakes tells whoever follows the feed what happened. Nothing depends on it: those who
// act look by themselves too, only later. So a failure is not the caller's.
func (h *Host) Wakes(ctx context.Context, e feed.Event) { _ = h.Feed().Append(ctx, e) }

// RunOf is the number of an agent's newest session, as far as it is known.
func RunOf(agents []operational.Agent, a town.Address) town.Run {
	for _, known := range agents {
		if known.Address == a {
			return known.Run
		}
	}
	return 0
}
