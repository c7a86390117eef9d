package escalate

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/escalate"
)

// raised is what gt escalate raise prints.
type raised struct {
	escalate.Escalation
	// Told says that people got a message now, and not before.
	Told bool `json:"told"`
}

func (o *options) raise(ctx context.Context) (err error) {
	t := escalate.Trouble{Key: o.key, Title: o.title, Text: o.reason, Next: o.next, From: o.source, Anew: o.key == ""}
	if o.severity != "" {
		if t.Severity, err = escalate.ParseSeverity(o.severity); err != nil {
			return err
		}
	}
	var r raised
	err = o.with(ctx, func(h *host.Host, l *ledger.Store) error {
		if err := o.concerns(ctx, l); err != nil {
			return err
		}
		who, err := h.Caller()
		if err != nil {
			return err
		}
		t.About, t.From = o.about, cmp.Or(t.From, who.Name)
		r.Escalation, r.Told, err = escalate.Raise(ctx, l, t, o.call.Now())
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Changed(r, func(p *term.Printer) {
		switch {
		case r.Told:
			p.Line("%s: people are told", r.ID)
		case r.State == escalate.Closed:
			p.Line("%s: a person closed it a moment ago, so nobody is told for now", r.ID)
		default:
			p.Line("%s: it is known already; %s", r.ID, state(r.Escalation))
		}
	})
}

func (o *options) list(ctx context.Context) error {
	list := []escalate.Escalation{}
	err := o.with(ctx, func(_ *host.Host, l *ledger.Store) error {
		some, err := escalate.List(ctx, l, o.all, o.call.Now())
		list = append(list, some...)
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(list, func(p *term.Printer) {
		if len(list) == 0 {
			p.Line("nothing waits for a person")
			return
		}
		var rows [][]string
		for _, e := range list {
			rows = append(rows, []string{e.ID, string(e.Severity), state(e), o.call.Ago(cmp.Or(e.Last, e.At)), cmp.Or(e.About, "-"), town.Visible(e.Title)})
		}
		p.Table([]string{"ID", "SEVERITY", "STATE", "RAISED", "BEAD", "WHAT"}, rows)
	})
}

func (o *options) show(ctx context.Context) error {
	var e escalate.Escalation
	err := o.with(ctx, func(_ *host.Host, l *ledger.Store) error {
		found, err := o.full(ctx, "show", l)
		if err == nil {
			e = found[0]
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(e, func(p *term.Printer) {
		p.Styled(style(e), "%s", e.Title)
		p.Line("  %s, %s, raised %d time(s), last %s", e.Severity, state(e), e.Times, o.call.Ago(cmp.Or(e.Last, e.At)))
		if e.State == escalate.Raised {
			p.Line("  raised again in %s unless somebody has it: gt escalate ack %s", term.Short(e.Again.Sub(o.call.Now())), e.ID)
		}
		if e.From != "" {
			p.Line("  from %s", e.From)
		}
		if e.About != "" {
			p.Line("  bead %s", e.About)
		}
		if e.Reason != "" {
			p.Line("  closed: %s", e.Reason)
		}
		p.Body("  ", e.Text)
	})
}

func (o *options) ack(ctx context.Context) error {
	done := []escalate.Escalation{}
	err := o.with(ctx, func(h *host.Host, l *ledger.Store) error {
		who, err := h.Caller()
		if err != nil {
			return err
		}
		found, err := o.full(ctx, "acknowledge", l)
		for _, e := range found {
			if e, err = escalate.Acknowledge(ctx, l, e.ID, who.Name, o.note, o.call.Now()); err != nil {
				return closedMeanwhile("acknowledge "+found[len(done)].ID, err)
			}
			done = append(done, e)
		}
		return err
	})
	return errors.Join(o.changed(done, "%s: %s has it; it is silent"), err)
}

// changed prints what became of some.
func (o *options) changed(done []escalate.Escalation, format string) error {
	if len(done) == 0 {
		return nil
	}
	return o.call.Changed(done, func(p *term.Printer) {
		for _, e := range done {
			p.Line("%s", fmt.Sprintf(format, e.ID, e.By))
		}
	})
}

func (o *options) end(ctx context.Context) error {
	var done ledger.Closed
	err := o.with(ctx, func(_ *host.Host, l *ledger.Store) error {
		found, err := o.full(ctx, "close", l)
		var ids []string
		for _, e := range found {
			ids = append(ids, e.ID)
		}
		if err == nil {
			done, err = l.CloseReady(ctx, ids, ledger.Closing{Reason: o.reason})
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Changed(append(append([]town.Bead{}, done.Beads...), done.Already...), func(p *term.Printer) {
		for _, b := range done.Beads {
			p.Line("%s: closed", b.ID)
		}
		for _, b := range done.Already {
			p.Line("%s: it was closed already", b.ID)
		}
	})
}

func (o *options) again(ctx context.Context) error {
	done := []escalate.Escalation{}
	err := o.with(ctx, func(_ *host.Host, l *ledger.Store) error {
		some, _, err := escalate.Again(ctx, l, o.call.Now())
		done = append(done, some...)
		return err
	})
	if len(done) == 0 && err != nil {
		return err
	}
	return errors.Join(o.call.Changed(done, func(p *term.Printer) {
		for _, e := range done {
			p.Line("%s: raised again, %d times now: %s", e.ID, e.Times, e.Title)
		}
		if len(done) == 0 {
			p.Line("nothing is to be raised again now")
		}
	}), err)
}
