package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// updateOptions are those of bd update.
type updateOptions struct {
	call                             *shell.Call
	ids                              []string
	batch                            string
	title, appendNotes               flagText
	texts                            texts
	status, kind, priority, estimate flagText
	assignee, owner, parent          flagText
	external, due, start             flagText
	addLabels, removeLabels          []string
	labels                           flagText
	claim                            bool
}

func updateCommand() shell.Command {
	return shell.Command{
		Name: "update", Help: "Change beads, all or none, in one commit.",
		Examples: []string{
			"bd update gt-a3f8x -s in_progress -a ada", "bd update gt-a3f8x gt-b7151 -p 0 --add-label urgent",
			"bd update gt-a3f8x --claim", "bd update --batch changes.json", "bd update gt-a3f8x --due ''",
		},
		Planes: ledgerPlane, Permission: canWrite, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &updateOptions{call: call}
			o.flags(c)
			return o.run
		},
	}
}

func (o *updateOptions) flags(c *kingpin.CmdClause) {
	c.Arg("id", "Ids; a unique beginning is enough.").PlaceHolder("ID").StringsVar(&o.ids)
	c.Flag("batch", "Changes in a file: an array of objects with id and the keys to change, or one object a line.").PlaceHolder("FILE").StringVar(&o.batch)
	c.Flag("title", "A new title.").PlaceHolder("TEXT").SetValue(&o.title)
	o.texts.flags(c)
	c.Flag("append-notes", "Add a line to the notes.").PlaceHolder("TEXT").SetValue(&o.appendNotes)
	c.Flag("status", "Where it stands.").Short('s').PlaceHolder("STATUS").SetValue(&o.status)
	c.Flag("type", "Its type.").Short('t').PlaceHolder("TYPE").SetValue(&o.kind)
	c.Flag("priority", "0 (most urgent) to 4.").Short('p').PlaceHolder("N").SetValue(&o.priority)
	c.Flag("assignee", "Who does it; '' for nobody.").Short('a').PlaceHolder("NAME").SetValue(&o.assignee)
	c.Flag("owner", "Who answers for it.").PlaceHolder("NAME").SetValue(&o.owner)
	c.Flag("claim", "Take it up: assigned to you and in progress, unless somebody else has it.").BoolVar(&o.claim)
	c.Flag("add-label", "Labels to add.").PlaceHolder("LABEL,...").StringsVar(&o.addLabels)
	c.Flag("remove-label", "Labels to take away.").PlaceHolder("LABEL,...").StringsVar(&o.removeLabels)
	c.Flag("set-labels", "All its labels; '' for none.").PlaceHolder("LABEL,...").SetValue(&o.labels)
	c.Flag("parent", "Make it a child of another bead; '' of none.").PlaceHolder("ID").SetValue(&o.parent)
	c.Flag("estimate", "Minutes it may take; '' for no estimate.").Short('e').PlaceHolder("MINUTES").SetValue(&o.estimate)
	c.Flag("due", "When it is due; '' for never.").PlaceHolder("DATE").SetValue(&o.due)
	c.Flag("defer", "Not ready before then; '' for at once.").PlaceHolder("DATE").SetValue(&o.start)
	c.Flag("external-ref", "What it is elsewhere.").PlaceHolder("REF").SetValue(&o.external)
}

func (o *updateOptions) run(ctx context.Context) error {
	op := strings.TrimSpace("update " + some(o.ids))
	patches, err := o.patches()
	if o.batch != "" {
		op = "update beads from " + town.Clip(o.batch, 200)
	}
	var bad *ledger.BatchError
	switch {
	case len(patches) > 0 && errors.As(err, &bad):
		return refused(ctx, o.call, op, "", bad, func(d *desk) error {
			return d.patch(ctx, patches, func(p []ledger.Patch) error { return d.CheckPatches(ctx, p) })
		})
	case err != nil:
		return failed(op, err)
	}
	var list []town.Bead
	err = with(ctx, o.call, func(d *desk) error {
		return d.patch(ctx, patches, func(p []ledger.Patch) error {
			list, err = d.Update(ctx, p)
			return err
		})
	})
	if err != nil {
		return failed(op, err)
	}
	return changed(o.call, "updated", list)
}

// changed prints what became of beads.
func changed(call *shell.Call, verb string, list []town.Bead) error {
	if list == nil {
		list = []town.Bead{}
	}
	return summary(call, list, func(p *term.Printer) {
		const most = 20
		for i, b := range list {
			if i == most && len(list) > most+1 {
				p.Line("and %d more", len(list)-most)
				break
			}
			p.Styled(term.Good, "%s %s", verb, beadLine(b))
		}
	})
}

// patches are the changes that are asked for: one for each id, or a file's.
func (o *updateOptions) patches() ([]ledger.Patch, error) {
	p, any, err := o.patch()
	switch {
	case err != nil:
		return nil, err
	case o.batch != "" && (any || len(o.ids) > 0):
		return nil, fmt.Errorf("%w: --batch FILE says everything; give no ids and no other changes", town.ErrUsage)
	case o.batch != "":
		return o.file()
	case len(o.ids) == 0:
		return nil, fmt.Errorf("%w: which bead? bd update ID..., or --batch FILE", town.ErrUsage)
	case !any:
		return nil, fmt.Errorf("%w: nothing to change; bd update --help lists what can be", town.ErrUsage)
	}
	list := make([]ledger.Patch, len(o.ids))
	for i, id := range o.ids {
		list[i] = p
		list[i].ID = id
	}
	return list, nil
}

func (o *updateOptions) file() ([]ledger.Patch, error) {
	f, err := open(o.call, o.batch)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	patches, err := ledger.ReadPatches(f)
	if err == nil && len(patches) == 0 {
		err = fmt.Errorf("%w: it holds no changes", town.ErrUsage)
	}
	return patches, err
}

// patch is the change the flags describe, and whether there is any.
func (o *updateOptions) patch() (p ledger.Patch, any bool, err error) {
	if err := o.texts.read(o.call); err != nil {
		return p, false, err
	}
	p = ledger.Patch{
		Title: o.title.ptr(), Description: o.texts.description.ptr(), Design: o.texts.design.ptr(),
		AcceptanceCriteria: o.texts.acceptance.ptr(), Notes: o.texts.notes.ptr(), AppendNotes: o.appendNotes.ptr(),
		Assignee: o.assignee.ptr(), Owner: o.owner.ptr(), ExternalRef: o.external.ptr(), Parent: o.parent.ptr(),
		AddLabels: split(o.addLabels), RemoveLabels: split(o.removeLabels), Claim: o.claim,
	}
	if o.labels.set {
		all := split([]string{o.labels.value})
		p.Labels = &all
	}
	var errs []error
	p.Status = parsed(o.status, town.ParseStatus, &errs)
	p.Type = parsed(o.kind, town.ParseBeadType, &errs)
	p.Priority = parsed(o.priority, town.ParsePriority, &errs)
	p.EstimatedMinutes = parsed(o.estimate, parseMinutes, &errs)
	date := func(name string) func(string) (time.Time, error) {
		return func(s string) (time.Time, error) { return (&dateFlag{s, name}).at(o.call.Now()) }
	}
	p.DueAt = parsed(o.due, date("due"), &errs)
	p.DeferUntil = parsed(o.start, date("defer"), &errs)
	any = p.Title != nil || p.Description != nil || p.Design != nil || p.AcceptanceCriteria != nil || p.Notes != nil ||
		p.AppendNotes != nil || p.Assignee != nil || p.Owner != nil || p.ExternalRef != nil || p.Parent != nil ||
		len(p.AddLabels)+len(p.RemoveLabels) > 0 || p.Claim || p.Labels != nil || p.Status != nil || p.Type != nil ||
		p.Priority != nil || p.EstimatedMinutes != nil || p.DueAt != nil || p.DeferUntil != nil
	return p, any, errors.Join(errs...)
}

// parsed is nil when the flag was not given.
func parsed[T any](f flagText, parse func(string) (T, error), errs *[]error) *T {
	if !f.set {
		return nil
	}
	v, err := parse(f.value)
	*errs = append(*errs, err)
	return &v
}
