package find

import (
	"context"
	"fmt"
	"strings"
	"text/template"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/planes/ledger"
	"gastown/town"
)

// listFormat prints each bead by a template, or the links between the beads for
// other programs.
func (o *listOptions) listFormat(ctx context.Context, r session.Reader, f ledger.Filter) error {
	if o.call.JSON || o.tree || f.Fields != nil {
		return fmt.Errorf("%w: --format decides what is printed: no --json, --tree or --fields", town.ErrUsage)
	}
	switch o.format {
	case "digraph", "dot":
		return o.listGraph(ctx, r, f)
	}
	t, err := template.New("format").Option("missingkey=error").Parse(o.format)
	if err != nil {
		return fmt.Errorf("%w: --format: %w", town.ErrUsage, err)
	}
	p := o.call.Printer(o.call.Stdout)
	return o.query(ctx, r, f, func(i ledger.Item) error {
		var text strings.Builder
		if err := t.Execute(&text, i); err != nil {
			return fmt.Errorf("%w: --format: %w", town.ErrUsage, err)
		}
		p.Body("", text.String())
		return p.Flush()
	})
}

// listGraph prints the links between the beads: pairs for digraph, or a graph for
// Graphviz. It takes two queries.
func (o *listOptions) listGraph(ctx context.Context, r session.Reader, f ledger.Filter) error {
	var ids []string
	titles := map[string]string{}
	f.Fields = ledger.Fields{"title"}
	err := o.query(ctx, r, f, func(i ledger.Item) error {
		ids = append(ids, i.ID)
		titles[i.ID] = i.Title
		return nil
	})
	if err != nil {
		return err
	}
	details, err := r.Get(ctx, ids, ledger.Fields{"dependencies"})
	if err != nil {
		return err
	}
	var links []town.Dependency
	for _, d := range details {
		for _, l := range d.Dependencies {
			links = append(links, town.Dependency{Bead: d.ID, Target: l.ID, Type: l.Type})
		}
	}
	p := o.call.Printer(o.call.Stdout)
	links = ledger.Between(links, ids)
	if o.format == "dot" {
		view.Dot(p, ids, titles, links)
		return p.Flush()
	}
	for _, l := range links {
		p.Line("%s %s", l.Bead, l.Target)
	}
	return p.Flush()
}

// listLong prints several lines for each bead.
func (o *listOptions) listLong(ctx context.Context, r session.Reader, f ledger.Filter) error {
	p := o.call.Printer(o.call.Stdout)
	count := view.Tally{}
	f.Fields = append(view.LineFields(), "labels", "description", "created_at", "updated_at", "due_at", "defer_until")
	err := o.query(ctx, r, f, func(i ledger.Item) error {
		count[i.Status]++
		view.Bead(p, "", i.Bead, "")
		about := "    created " + view.Time(i.CreatedAt) + ", updated " + view.Time(i.UpdatedAt)
		if i.DueAt != nil {
			about += ", due " + view.Time(*i.DueAt)
		}
		if i.DeferUntil != nil {
			about += ", deferred to " + view.Time(*i.DeferUntil)
		}
		p.Line("%s", p.Fit(about))
		if len(i.Labels) > 0 {
			p.Line("%s", p.Fit("    labels "+strings.Join(i.Labels, ", ")))
		}
		if i.Description != "" {
			p.Body("    ", i.Description)
		}
		return p.Flush()
	})
	if err != nil {
		return err
	}
	o.total(p, count)
	return p.Flush()
}
