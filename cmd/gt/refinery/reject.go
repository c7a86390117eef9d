package refinery

import (
	"context"
	"errors"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
)

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
		v.Detail.By = h.Actor.Name
		err = h.Rows(ctx, func(s *operational.Store) error { return s.Decide(ctx, m.Ticket(), v, h.Actor.Name, o.call.Now()) })
		if err != nil {
			return town.Fail("reject "+m.Bead, "gt refinery status shows what became of it", "%w", err)
		}
		err = o.told(ctx, h, m, v.Reason)
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
