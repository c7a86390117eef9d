package hook

import (
	"context"
	"errors"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
)

// handedOff is what gt handoff prints: the next session's ticket.
type handedOff struct {
	town.Ticket
	Message string `json:"message,omitempty"`
}

func (o *options) handoff(ctx context.Context) error {
	h, held, err := o.caller(ctx)
	if err != nil {
		return err
	}
	// The note first: the next session must find it, and one note too many is harmless.
	if strings.TrimSpace(o.message) != "" {
		if err := o.comment(ctx, h, held); err != nil {
			return err
		}
	}
	out := handedOff{Message: o.message}
	err = h.Rows(ctx, func(s *operational.Store) (err error) {
		out.Ticket, err = s.Renew(ctx, held.Ticket, operational.Renewal{Reason: "handed off"}, o.call.Now())
		return err
	})
	if err != nil {
		return stale(held.Agent, err)
	}
	return o.finish(ctx, h, out, func(p *term.Printer) {
		p.Line("%s goes on in run %d; this session ends now", out.Bead, out.Run)
	})
}

func (o *options) comment(ctx context.Context, h *host.Host, held operational.Assignment) (err error) {
	h.Actor.Name = held.Agent.String()
	s, release, err := h.Ledger(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	_, err = s.Comment(ctx, held.Bead, "handed off: "+o.message)
	return err
}
