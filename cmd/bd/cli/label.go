package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// labelOptions are those of bd label.
type labelOptions struct {
	app   *App
	words []string
	id    string
}

// labelDone is what became of one label of one bead.
type labelDone struct {
	Status string `json:"status"`
	Bead   string `json:"issue_id"`
	Label  string `json:"label"`
}

func (a *App) configureLabel(p *kingpin.Application) {
	g := p.Command("label", "Labels of beads.").HelpLong(examples("bd label add gt-a3f8x urgent", "bd label list gt-a3f8x", "bd label list-all"))

	add := &labelOptions{app: a}
	a.add(g, "add", "Label beads.", examples("bd label add gt-a3f8x urgent", "bd label add gt-a3f8x gt-b7151 backend,urgent"), add.add).
		Arg("id", "Ids, and last the labels, separated by commas.").Required().PlaceHolder("ID... LABEL").StringsVar(&add.words)

	remove := &labelOptions{app: a}
	a.add(g, "remove", "Take labels away from beads.", examples("bd label remove gt-a3f8x urgent"), remove.remove).Alias("rm").
		Arg("id", "Ids, and last the labels, separated by commas.").Required().PlaceHolder("ID... LABEL").StringsVar(&remove.words)

	list := &labelOptions{app: a}
	a.add(g, "list", "The labels of a bead.", examples("bd label list gt-a3f8x", "bd label list gt-a3f8x --json"), list.list).
		Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&list.id)

	all := &labelOptions{app: a}
	a.add(g, "list-all", "Every label, with the number of beads that have it.", examples("bd label list-all"), all.listAll)
}

func (o *labelOptions) add(ctx context.Context) error {
	return o.change(ctx, "added", func(p *ledger.Patch, labels []string) { p.AddLabels = labels })
}

func (o *labelOptions) remove(ctx context.Context) error {
	return o.change(ctx, "removed", func(p *ledger.Patch, labels []string) { p.RemoveLabels = labels })
}

func (o *labelOptions) change(ctx context.Context, done string, set func(*ledger.Patch, []string)) error {
	const op = "label beads"
	if len(o.words) < 2 {
		return failed(op, fmt.Errorf("%w: name a bead and a label: bd label add ID... LABEL", town.ErrUsage))
	}
	ids, labels := o.words[:len(o.words)-1], split(o.words[len(o.words)-1:])
	patches := make([]ledger.Patch, len(ids))
	for i, id := range ids {
		patches[i].ID = id
		set(&patches[i], labels)
	}
	list := []labelDone{}
	err := o.app.with(ctx, func(d *desk) error {
		return d.patch(ctx, patches, func(p []ledger.Patch) error {
			changed, err := d.Update(ctx, p)
			for _, b := range changed {
				for _, l := range labels {
					list = append(list, labelDone{done, b.ID, l})
				}
			}
			return err
		})
	})
	if err != nil {
		return failed("label "+some(ids), err)
	}
	return o.app.summary(list, func(p *term.Printer) {
		for _, l := range list {
			p.Styled(term.Good, "%s: %s %s", l.Status, l.Bead, l.Label)
		}
	})
}

func (o *labelOptions) list(ctx context.Context) error {
	labels := []string{}
	err := o.app.reading(ctx, func(r reader) error {
		list, err := r.Get(ctx, []string{o.id}, ledger.Fields{"labels"})
		if err == nil {
			labels = append(labels, list[0].Labels...)
		}
		return err
	})
	if err != nil {
		return failed("list the labels of "+town.Clip(o.id, 80), err)
	}
	return o.app.show(labels, func(p *term.Printer) {
		for _, l := range labels {
			p.Line("%s", l)
		}
	})
}

// labelCount is a label with how many beads have it.
type labelCount struct {
	Label string `json:"label"`
	Count int    `json:"count"`
}

func (o *labelOptions) listAll(ctx context.Context) error {
	counts := map[string]int{}
	err := o.app.with(ctx, func(d *desk) error {
		return d.List(ctx, ledger.Filter{Fields: ledger.Fields{"id", "labels"}}, func(i ledger.Item) error {
			for _, l := range i.Labels {
				counts[l]++
			}
			return nil
		})
	})
	if err != nil {
		return failed("list labels", err)
	}
	list := []labelCount{}
	for l, n := range counts {
		list = append(list, labelCount{l, n})
	}
	slices.SortFunc(list, func(a, b labelCount) int {
		if a.Label < b.Label {
			return -1
		}
		return 1
	})
	return o.app.show(list, func(p *term.Printer) {
		var rows [][]string
		for _, l := range list {
			rows = append(rows, []string{fmt.Sprint(l.Count), l.Label})
		}
		p.Table([]string{"BEADS", "LABEL"}, rows)
	})
}
