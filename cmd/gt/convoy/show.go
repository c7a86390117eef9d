package convoy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/convoy"
)

// styles are the colours of states.
var styles = map[convoy.State]term.Style{
	convoy.Stranded: term.Bad, convoy.Idle: term.Warn, convoy.Empty: term.Warn, convoy.Done: term.Good, convoy.Arrived: term.Good, convoy.Closed: term.Dim,
}

// progress is how far a convoy is, in a few words.
func progress(c convoy.Convoy) string {
	text := fmt.Sprintf("%d/%d", c.Landed, c.Total)
	if n := c.Counts[convoy.Foreign]; n > 0 {
		text += fmt.Sprintf(" +%d shared", n)
	}
	return text
}

func (o *options) list(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	all, err := h.Convoys().Read(ctx, convoy.Select{Closed: o.all})
	if err != nil {
		return err
	}
	if o.stuck {
		all = slices.DeleteFunc(all, func(c convoy.Convoy) bool { return c.State != convoy.Stranded && c.State != convoy.Idle })
	}
	return o.call.Show(append([]convoy.Convoy{}, all...), func(p *term.Printer) {
		switch {
		case len(all) == 0 && o.stuck:
			p.Line("no convoy is stranded")
			return
		case len(all) == 0:
			p.Line("no convoy is under way; make one: gt convoy create NAME BEAD...")
			return
		}
		var rows [][]string
		for _, c := range all {
			rows = append(rows, []string{c.ID, string(c.State), progress(c), o.call.Ago(c.At), town.Visible(c.Name)})
		}
		p.Table([]string{"CONVOY", "STATE", "LANDED", "MADE", "NAME"}, rows)
		for _, c := range all {
			if c.Why != "" && c.Open() {
				p.Wrapped(styles[c.State], c.ID+": ", town.Visible(c.Why))
			}
		}
	})
}

func (o *options) status(ctx context.Context) error {
	var c convoy.Convoy
	err := o.with(ctx, func(_ *host.Host, _ *ledger.Store, id string) error {
		c.ID = id
		return nil
	})
	if err != nil {
		return err
	}
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	all, err := h.Convoys().Read(ctx, convoy.Select{IDs: []string{c.ID}})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return town.Fail("show "+c.ID, "gt convoy list --all shows them", "%w: it is gone", town.ErrUsage)
	}
	c = all[0]
	return o.call.Show(c, func(p *term.Printer) {
		p.Styled(term.Head, "%s  %s", c.ID, c.Name)
		p.Styled(styles[c.State], "  %s, %s landed%s", c.State, progress(c), counts(c))
		if c.Why != "" {
			p.Wrapped("", "  ", town.Visible(c.Why))
		}
		if c.Reason != "" {
			p.Wrapped("", "  ", c.Reason)
		}
		p.Line("  made by %s %s; told when it lands: %s", c.By, o.call.Ago(c.At), named(c.Notify))
		if len(c.Members) == 0 {
			return
		}
		p.Line("")
		var rows [][]string
		for _, m := range c.Members {
			rows = append(rows, []string{m.ID, string(m.State), town.Visible(m.Title), town.Visible(m.Why)})
		}
		p.Table([]string{"BEAD", "STATE", "TITLE", "WHY"}, rows)
	})
}

// counts says how many members are in each state but landed.
func counts(c convoy.Convoy) string {
	var words []string
	for _, s := range convoy.MemberStates {
		if n := c.Counts[s]; n > 0 && s != convoy.Ended && s != convoy.Foreign {
			words = append(words, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "; " + strings.Join(words, ", ")
}
