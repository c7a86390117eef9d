// Package label is the command group bd label.
package label

import (
	"context"
	"fmt"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// labelOptions are those of bd label.
type labelOptions struct {
	call  *shell.Call
	words []string
	id    string
}

// labelDone is the outcome for one label of one bead.
type labelDone struct {
	Status string `json:"status"`
	Bead   string `json:"issue_id"`
	Label  string `json:"label"`
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("label", "Labels of beads.").HelpLong(shell.Examples("bd label add gt-a3f8x urgent", "bd label list gt-a3f8x", "bd label list-all"))
	p.Add(g, shell.Command{
		Name: "add", Help: "Label beads.",
		Examples: []string{"bd label add gt-a3f8x urgent", "bd label add gt-a3f8x gt-b7151 backend,urgent"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &labelOptions{call: call}
			o.beadsAndLabels(c)
			return o.add
		},
	})
	p.Add(g, shell.Command{
		Name: "remove", Alias: "rm", Help: "Remove labels from beads.",
		Examples: []string{"bd label remove gt-a3f8x urgent"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &labelOptions{call: call}
			o.beadsAndLabels(c)
			return o.remove
		},
	})
	p.Add(g, shell.Command{
		Name: "propagate", Help: "Give a label to all children of a bead.",
		Examples: []string{"bd label propagate gt-a3f8x branch:release"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &labelOptions{call: call}
			var label string
			c.Arg("id", "The parent.").Required().PlaceHolder("ID").StringVar(&o.id)
			c.Arg("label", "Labels, separated by commas.").Required().PlaceHolder("LABEL").StringVar(&label)
			return func(ctx context.Context) error { return o.propagate(ctx, label) }
		},
	})
	p.Add(g, shell.Command{
		Name: "list", Help: "The labels of a bead.",
		Examples: []string{"bd label list gt-a3f8x", "bd label list gt-a3f8x --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &labelOptions{call: call}
			c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.id)
			return o.list
		},
	})
	p.Add(g, shell.Command{
		Name: "list-all", Help: "Every label, with the number of beads that have it.",
		Examples: []string{"bd label list-all"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return (&labelOptions{call: call}).listAll
		},
	})
}

func (o *labelOptions) beadsAndLabels(c *kingpin.CmdClause) {
	c.Arg("id", "Ids, and last the labels, separated by commas.").Required().PlaceHolder("ID... LABEL").StringsVar(&o.words)
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
		return session.Fail(op, fmt.Errorf("%w: name a bead and a label: bd label add ID... LABEL", town.ErrUsage))
	}
	ids := o.words[:len(o.words)-1]
	labels, err := flags.Labels(o.words[len(ids):])
	if err != nil {
		return session.Fail("label "+session.Names(ids), err)
	}
	patches := make([]ledger.Patch, len(ids))
	for i, id := range ids {
		patches[i].ID = id
		set(&patches[i], labels)
	}
	list := []labelDone{}
	err = session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullPatches(ctx, patches, func(p []ledger.Patch) error {
			changed, err := l.Update(ctx, p)
			for _, b := range changed {
				for _, l := range labels {
					list = append(list, labelDone{done, b.ID, l})
				}
			}
			return err
		})
	})
	if err != nil {
		return session.Fail("label "+session.Names(ids), err)
	}
	return o.say(list)
}

// propagate labels the children of a bead, closed ones too.
func (o *labelOptions) propagate(ctx context.Context, word string) error {
	op := "label the children of " + town.Clip(o.id, 80)
	labels, err := flags.Labels([]string{word})
	if err != nil {
		return session.Fail(op, err)
	}
	list := []labelDone{}
	children := ledger.Filter{Parent: o.id, Fields: ledger.Fields{"id"}}
	err = session.UseFilter(ctx, o.call, children, func(l *session.Ledger, f ledger.Filter) error {
		var patches []ledger.Patch
		if err := l.List(ctx, f, func(i ledger.Item) error {
			patches = append(patches, ledger.Patch{ID: i.ID, AddLabels: labels})
			return nil
		}); err != nil {
			return err
		}
		_, err = l.Update(ctx, patches)
		for _, p := range patches {
			for _, label := range labels {
				list = append(list, labelDone{"propagated", p.ID, label})
			}
		}
		return err
	})
	if err != nil {
		return session.Fail(op, err)
	}
	return o.say(list)
}

func (o *labelOptions) say(list []labelDone) error {
	return o.call.Changed(list, func(p *term.Printer) {
		for _, l := range list {
			p.Styled(term.Good, "%s: %s %s", l.Status, l.Bead, l.Label)
		}
	})
}

func (o *labelOptions) list(ctx context.Context) error {
	labels := []string{}
	err := session.Read(ctx, o.call, func(r session.Reader) error {
		list, err := r.Get(ctx, []string{o.id}, ledger.Fields{"labels"})
		if err == nil {
			labels = append(labels, list[0].Labels...)
		}
		return err
	})
	if err != nil {
		return session.Fail("list the labels of "+town.Clip(o.id, 80), err)
	}
	return o.call.Show(labels, func(p *term.Printer) {
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
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.List(ctx, ledger.Filter{Fields: ledger.Fields{"id", "labels"}}, func(i ledger.Item) error {
			for _, l := range i.Labels {
				counts[l]++
			}
			return nil
		})
	})
	if err != nil {
		return session.Fail("list labels", err)
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
	return o.call.Show(list, func(p *term.Printer) {
		var rows [][]string
		for _, l := range list {
			rows = append(rows, []string{fmt.Sprint(l.Count), l.Label})
		}
		p.Table([]string{"BEADS", "LABEL"}, rows)
	})
}
