package refinery

import (
	"context"
	"errors"
	"strings"

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
		Examples: []string{"gt refinery retry web-a1", "gt refinery retry --rig=web"}, Permission: shell.MayWriteLedger, Writes: true,
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("request", "The number of the merge request, or its bead.").StringsVar(&o.requests)
		return o.retry
	})
	add(shell.Command{
		Name: "reject", Help: "Give a request back: it does not land, and its bead is open again.",
		Examples: []string{`gt refinery reject web-a1 --reason "the old API is still used"`}, Permission: shell.MayWriteLedger, Writes: true,
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
	rigs := map[string]bool{}
	for _, word := range o.requests {
		m, err := o.request(ctx, h, word)
		if err != nil {
			return err
		}
		if !m.State.Open() {
			return town.Fail("retry "+m.Bead, "give the bead to a worker again: gt sling "+m.Bead, "%w: merge request %d is decided: %s", town.ErrRefused, m.Epoch, m.State)
		}
		all, rigs[m.Agent.Rig] = append(all, m), true
	}
	if len(all) == 0 {
		settings, err := o.settings(h)
		if err != nil {
			return err
		}
		for _, s := range settings {
			rigs[s.Name] = true
		}
	}
	now := o.call.Now()
	err = h.Rows(ctx, func(s *operational.Store) error {
		var moves []operational.MergeMove
		for i, m := range all {
			if m.State == operational.MergeHeld {
				moves = append(moves, operational.MergeMove{Epoch: m.Epoch, From: m.State, To: operational.MergeOpen})
				all[i].State = operational.MergeOpen
			}
		}
		states, err := s.Refineries(ctx)
		if err == nil {
			_, err = s.MoveMerges(ctx, moves, h.Actor.Name, now)
		}
		for name := range rigs {
			err = errors.Join(err, s.ForgetFailures(ctx, name))
			if t := states[name].Trouble; t != nil {
				again := *t
				again.Again = now
				_, e := s.SetTrouble(ctx, name, t.Key, &again, now)
				err = errors.Join(err, e)
			}
			err = errors.Join(err, s.AskRefinery(ctx, name, h.Actor.Name, "retry", now))
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

// told ends the escalation about a request that was held.
func (o *options) told(ctx context.Context, h *host.Host, m operational.MergeRequest, reason string) error {
	return h.WithLedger(ctx, func(s *ledger.Store) error {
		return refinery.Beads{Store: s, Now: o.call.Now}.Told(ctx, refinery.HeldKey(m.Agent.Rig, m), reason)
	})
}

func (o *options) reject(ctx context.Context) error {
	if o.reason = strings.TrimSpace(o.reason); o.reason == "" {
		return town.Fail("reject a merge request", "say why: --reason TEXT", "%w: there is no reason", town.ErrUsage)
	}
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
		v := operational.Verdict{State: operational.MergeRejected, Reason: "rejected by " + h.Actor.Name + ": " + o.reason, Detail: m.Detail}
		err = h.Rows(ctx, func(s *operational.Store) error { return s.Decide(ctx, m.Ticket(), v, h.Actor.Name, o.call.Now()) })
		if err != nil {
			return town.Fail("reject "+m.Bead, "gt refinery status shows what became of it", "%w", err)
		}
		err = h.WithLedger(ctx, func(s *ledger.Store) error {
			b := refinery.Beads{Store: s, Now: o.call.Now}
			return errors.Join(b.Comment(ctx, m.Bead, h.Actor.Name, refinery.Explain(m, v)), b.Told(ctx, refinery.HeldKey(m.Agent.Rig, m), v.Reason))
		})
		if err == nil {
			err = withdraw(ctx, h, m, v.Reason)
		}
		if err != nil {
			return err
		}
		m.State, m.Result = v.State, v.Reason
		all = append(all, m)
	}
	c, _, err := h.Workers()
	if err != nil {
		return err
	}
	done, err := c.Settle(ctx)
	if err := errors.Join(done.Err(), err); err != nil {
		return err
	}
	return o.call.Changed(all, func(p *term.Printer) {
		for _, m := range all {
			p.Line("%s is given back and can be assigned again; its branch %s stays", m.Bead, m.Branch)
		}
	})
}

// withdraw closes the pull request of a request that was given back.
func withdraw(ctx context.Context, h *host.Host, m operational.MergeRequest, why string) error {
	if m.Detail.Pull == 0 {
		return nil
	}
	r, err := h.Rigs().Open(m.Agent.Rig)
	if err != nil {
		return err
	}
	f, err := h.Refinery(r)
	if err != nil {
		return err
	}
	if err := f.Withdraw(ctx, m, why); err != nil {
		return town.Fail("close the pull request of "+m.Bead, "close it at the host: "+m.Detail.URL, "%w", err)
	}
	return nil
}
