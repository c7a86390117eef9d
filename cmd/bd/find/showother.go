package find

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// findCurrent finds the bead that the caller works on: the one in progress that is
// assigned to them and changed last, else one on their hook, else the one that they
// touched last.
func (o *showOptions) findCurrent(ctx context.Context) error {
	err := o.findAssigned(ctx)
	if err == nil || len(o.ids) > 0 {
		return err
	}
	ids, none := session.Named(o.call, "show", nil)
	if none != nil {
		return err
	}
	o.ids = ids
	return nil
}

func (o *showOptions) findAssigned(ctx context.Context) error {
	return session.Use(ctx, o.call, func(l *session.Ledger) error {
		name := l.Store.Actor().Name
		for _, status := range []town.Status{town.StatusInProgress, town.StatusHooked} {
			mine := ledger.Filter{
				Statuses: []town.Status{status}, Assignees: []string{name}, Sort: []ledger.Order{{Field: "updated_at", Desc: true}},
				Limit: 1, Fields: ledger.Fields{"id"},
			}
			err := l.List(ctx, mine, func(i ledger.Item) error {
				o.ids = []string{i.ID}
				return nil
			})
			if err != nil || len(o.ids) > 0 {
				return err
			}
		}
		return town.Fail("find the bead that you work on", "bd update ID --claim takes one up, bd ready lists some",
			"nothing is in progress for %s", town.Clip(name, 80))
	})
}

// showAsOf prints beads as they were at a commit of the ledger.
func (o *showOptions) showAsOf(ctx context.Context) error {
	var list []town.Bead
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullIDs(ctx, o.ids, func(ids []string) (err error) {
			list, err = l.GetAsOf(ctx, ids, o.asOf)
			return err
		})
	})
	if err != nil {
		return err
	}
	return o.call.Show(list, func(p *term.Printer) {
		for i, b := range list {
			if i > 0 && !o.short {
				p.Line("")
			}
			if o.short {
				view.Bead(p, "", b, "")
				continue
			}
			sayDetail(p, ledger.Detail{Item: ledger.Item{Bead: b}})
		}
	})
}

// showRefs prints what depends on the beads, or their children alone.
func (o *showOptions) showRefs(ctx context.Context) error {
	var list []ledger.Detail
	err := session.Read(ctx, o.call, func(r session.Reader) (err error) {
		list, err = r.Get(ctx, o.ids, nil)
		return err
	})
	if err != nil {
		return err
	}
	refs := map[string][]any{}
	for i, d := range list {
		if o.children {
			list[i].Dependents = slices.DeleteFunc(d.Dependents, func(l ledger.Linked) bool { return l.Type != town.DepParent })
		}
		if refs[d.ID] = newShown(list[i], nil).Dependents; refs[d.ID] == nil {
			refs[d.ID] = []any{}
		}
	}
	return o.call.Show(refs, func(p *term.Printer) {
		for _, d := range list {
			if len(list) > 1 || len(d.Dependents) == 0 {
				p.Styled(term.Head, "%s %s: %s", d.ID, d.Title, term.Plural(len(d.Dependents), "bead", "beads"))
			}
			for _, l := range d.Dependents {
				view.Bead(p, "  ", l.Bead, fmt.Sprintf(" (%s)", l.Type))
			}
		}
	})
}

// showThread prints the messages that answer each other, in three queries.
func (o *showOptions) showThread(ctx context.Context) error {
	var list []ledger.Detail
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		ids, err := l.Resolve(ctx, o.ids)
		if err != nil {
			return err
		}
		links, err := l.Links(ctx)
		if err != nil {
			return err
		}
		answers := slices.DeleteFunc(links, func(d town.Dependency) bool { return d.Type != "replies-to" })
		list, err = l.Existing(ctx, ledger.Connected(answers, ids[0]), nil)
		return err
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(list, func(a, b ledger.Detail) int { return a.CreatedAt.Compare(b.CreatedAt) })
	values := make([]any, len(list))
	for i, d := range list {
		values[i] = newShown(d, nil)
	}
	return o.call.Show(values, func(p *term.Printer) {
		for _, d := range list {
			p.Styled(term.Head, "%s%s  %s", view.Time(d.CreatedAt), view.By(d.CreatedBy), view.Line(d.Bead))
			p.Body("  ", d.Description)
		}
	})
}

// sayExtra prints the fields that other programs interpret.
func sayExtra(p *term.Printer, d ledger.Detail) {
	if d.SpecID != "" {
		p.Line("  %-12s %s", "spec", d.SpecID)
	}
	view.Section(p, "Metadata", string(d.Metadata))
	for i, name := range slices.Sorted(maps.Keys(d.Extra)) {
		if i == 0 {
			p.Line("")
			p.Styled(term.Head, "Fields of other programs")
		}
		p.Line("  %-20s %s", name, d.Extra[name])
	}
}
