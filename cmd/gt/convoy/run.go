package convoy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/convoy"
)

// made is what gt convoy create, add and remove print.
type made struct {
	ID      string   `json:"id"`
	Name    string   `json:"name,omitempty"`
	Members int      `json:"members"`
	Notify  []string `json:"notify,omitempty"`
	// Reopened says that it was closed before.
	Reopened bool `json:"reopened,omitempty"`
}

func (o *options) create(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	m := made{Name: o.name}
	if m.Notify, err = o.boxes(ctx, h); err != nil {
		return err
	}
	err = h.WithLedger(ctx, func(l *ledger.Store) error {
		ids, err := o.members(ctx, h, l, true)
		if err != nil {
			return err
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		m.Members = len(ids)
		m.ID, err = convoy.Create(ctx, l, convoy.New{Name: o.name, Members: ids, Notify: m.Notify})
		if err == nil {
			return nil
		}
		var one *ledger.BatchError
		if errors.As(err, &one) && len(one.Entries) == 1 { // it is the only entry, so its number says nothing
			err = one.Entries[0].Err
		}
		return town.Fail("make a convoy", "gt convoy create --help", "%w", err)
	})
	if err != nil {
		return err
	}
	return o.call.Changed(m, func(p *term.Printer) {
		p.Line("%s: %d bead(s); %s will be told when it lands", m.ID, m.Members, named(m.Notify))
		if m.Members > 0 {
			p.Line("give them out: gt sling %s", m.ID)
		}
	})
}

func (o *options) add(ctx context.Context) error {
	var m made
	err := o.with(ctx, func(h *host.Host, l *ledger.Store, id string) error {
		ids, err := o.members(ctx, h, l, true)
		if err == nil {
			m.ID = id
			m.Members, m.Reopened, err = convoy.Add(ctx, l, id, ids)
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Changed(m, func(p *term.Printer) {
		p.Line("%s: %d bead(s) added", m.ID, m.Members)
		if m.Reopened {
			p.Line("it was closed and is open again")
		}
	})
}

func (o *options) remove(ctx context.Context) error {
	var m made
	err := o.with(ctx, func(h *host.Host, l *ledger.Store, id string) error {
		ids, err := o.members(ctx, h, l, false)
		if err == nil {
			m.ID = id
			m.Members, err = convoy.Remove(ctx, l, id, ids)
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Changed(m, func(p *term.Printer) { p.Line("%s: %d bead(s) taken out", m.ID, m.Members) })
}

func (o *options) end(ctx context.Context) error {
	var done ledger.Closed
	err := o.with(ctx, func(_ *host.Host, l *ledger.Store, id string) (err error) {
		done, err = l.CloseReady(ctx, []string{id}, ledger.Closing{Reason: o.reason})
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Changed(slices.Concat(done.Beads, done.Already)[0], func(p *term.Printer) {
		for _, b := range done.Already {
			p.Line("%s: it was closed already", b.ID)
		}
		for _, b := range done.Beads {
			p.Line("%s: closed; its beads stay as they are", b.ID)
		}
	})
}

// landing is what gt convoy land prints.
type landing struct {
	Landed []convoy.Arrival `json:"landed"`
	// Missing are the beads that keep the convoy that was named from landing.
	Missing []convoy.Member `json:"missing,omitempty"`
}

func (o *options) land(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	var ids []string
	if o.name != "" {
		err := o.with(ctx, func(_ *host.Host, _ *ledger.Store, id string) error {
			ids = []string{id}
			return nil
		})
		if err != nil {
			return err
		}
	}
	r := landing{Landed: []convoy.Arrival{}}
	landed, err := convoy.Lander{Ledger: h.WithLedger}.Pass(ctx, ids...)
	r.Landed = append(r.Landed, landed...)
	if err != nil && len(landed) == 0 {
		return err
	}
	var c convoy.Convoy
	if len(ids) > 0 && len(landed) == 0 {
		all, err := h.Convoys().Read(ctx, convoy.Select{IDs: ids})
		if err != nil {
			return err
		}
		if len(all) > 0 {
			c = all[0]
			r.Missing = c.Missing()
		}
	}
	err = errors.Join(err, o.call.Changed(r, func(p *term.Printer) {
		for _, a := range r.Landed {
			p.Styled(term.Good, "%s landed with %d bead(s); %s told: %s", a.ID, a.Members, named(a.Told), a.Name)
		}
		if len(ids) == 0 && len(r.Landed) == 0 {
			p.Line("no convoy has arrived")
		}
		if c.ID != "" && !c.Open() {
			p.Line("%s: %s already", c.ID, c.State)
		}
		o.missing(p, r.Missing)
	}))
	if c.ID != "" && c.Open() {
		why := fmt.Sprintf("%d of its %d beads are not closed", len(r.Missing), c.Total)
		if c.Total == 0 {
			why = "it tracks no bead of this Town"
		}
		err = errors.Join(err, town.Fail("land "+c.ID, "gt convoy status "+c.ID+" shows them; gt convoy close "+c.ID+" ends it all the same", "%w: %s", town.ErrRefused, why))
	}
	return err
}

// missing prints what keeps a convoy from landing.
func (o *options) missing(p *term.Printer, all []convoy.Member) {
	if len(all) == 0 {
		return
	}
	var rows [][]string
	for _, m := range all {
		rows = append(rows, []string{m.ID, string(m.State), town.Visible(m.Why)})
	}
	p.Table([]string{"MISSING", "STATE", "WHY"}, rows)
}
