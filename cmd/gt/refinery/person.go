package refinery

import (
	"context"
	"errors"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/refinery"
)

func personCommands(add adder) {
	add(shell.Command{
		Name: "retry", Help: "Let a request that waits for a person be tested again; without one, let the rig look at once whether its checks run.",
		Examples: []string{"gt refinery retry web-a1", "gt refinery retry --rig=web"}, Permission: shell.MayWriteRefinery, Writes: true,
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("request", "The number of the merge request, or its bead.").StringsVar(&o.requests)
		return o.retry
	})
	add(shell.Command{
		Name: "reject", Help: "Give a request back: it does not land, and its bead is open again.",
		Examples: []string{`gt refinery reject web-a1 --reason "the old API is still used"`}, Permission: shell.MayWriteRefinery, Writes: true,
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("request", "The number of the merge request, or its bead.").Required().StringsVar(&o.requests)
		c.Flag("reason", "Why. It is said on the bead.").Required().PlaceHolder("TEXT").StringVar(&o.reason)
		return o.reject
	})
}

func (o *options) retry(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	all := []operational.MergeRequest{}
	for _, word := range o.requests {
		m, err := o.request(ctx, h, word)
		if err != nil {
			return err
		}
		if !m.State.Open() {
			next := "give the bead to a worker again: gt sling " + m.Bead
			if m.State == operational.MergeLanded {
				next = "gt refinery status shows what landed"
			}
			return town.Fail("retry "+m.Bead, next, "%w: merge request %d is decided: %s", town.ErrRefused, m.Epoch, m.State)
		}
		all = append(all, m)
	}
	settings, err := o.settings(h)
	if err != nil {
		return err
	}
	branches, rigs := map[string]string{}, map[string]bool{}
	for _, s := range settings {
		branches[s.Name] = s.Branch
		if len(all) == 0 {
			rigs[s.Name] = true
		}
	}
	var moves []operational.MergeMove
	for i, m := range all {
		rigs[m.Agent.Rig] = true
		if m.State == operational.MergeHeld {
			moves = append(moves, refinery.Retry(m, branches[m.Agent.Rig]))
			all[i].State = operational.MergeOpen
		}
	}
	err = h.Rows(ctx, func(s *operational.Store) error {
		_, err := s.MoveMerges(ctx, moves, h.Actor.Name, o.call.Now())
		for name := range rigs {
			err = errors.Join(err, o.lookAgain(ctx, h, s, name))
		}
		return err
	})
	for _, m := range all {
		if err == nil {
			err = o.told(ctx, h, m, "retried by "+h.Actor.Name)
		}
	}
	if err != nil {
		return err
	}
	return o.call.Changed(all, func(p *term.Printer) {
		for _, m := range all {
			p.Line("%s (merge request %d) is tested again at its turn", m.Bead, m.Epoch)
		}
		if len(all) == 0 {
			p.Line("the next pass looks again; gt refinery merge --batch runs one now")
		}
	})
}

// lookAgain lets the refinery of a rig look at once, as if nothing had failed.
func (o *options) lookAgain(ctx context.Context, h *host.Host, s *operational.Store, rig string) error {
	now := o.call.Now()
	states, err := s.Refineries(ctx)
	err = errors.Join(err, s.ForgetFailures(ctx, rig))
	if t := states[rig].Trouble; t != nil {
		again := *t
		again.Again = now
		_, e := s.SetTrouble(ctx, rig, t.Key, &again, now)
		err = errors.Join(err, e)
	}
	return errors.Join(err, s.AskRefinery(ctx, rig, h.Actor.Name, "retry", now))
}

// told ends the escalation about a request that was held, if it was the last one of it.
func (o *options) told(ctx context.Context, h *host.Host, m operational.MergeRequest, reason string) error {
	still := false
	err := h.Rows(ctx, func(s *operational.Store) error {
		all, _, err := s.Merges(ctx, m.Agent.Rig, 0)
		still = refinery.StillHeld(m.Agent.Rig, all, m)
		return err
	})
	if err != nil || still {
		return err
	}
	return h.WithLedger(ctx, func(s *ledger.Store) error {
		return refinery.Beads{Store: s, Now: o.call.Now}.Told(ctx, refinery.HeldKey(m.Agent.Rig, m), reason)
	})
}
