package change

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// updateOptions are those of bd update.
type updateOptions struct {
	call                             *shell.Call
	ids                              []string
	batch                            string
	title, appendNotes               flags.Text
	prose                            flags.Prose
	status, kind, priority, estimate flags.Text
	assignee, owner, parent          flags.Text
	external, due, start             flags.Text
	addLabels, removeLabels          []string
	labels                           flags.List
	claim                            bool
}

// Update is bd update.
func Update() shell.Command {
	return shell.Command{
		Name: "update", Help: "Change beads, all or none, in one commit.",
		Examples: []string{
			"bd update gt-a3f8x -s in_progress -a ada", "bd update gt-a3f8x gt-b7151 -p 0 --add-label urgent",
			"bd update gt-a3f8x --claim", "bd update --batch changes.json", "bd update gt-a3f8x --due ''",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &updateOptions{call: call}
			o.flags(c)
			return o.run
		},
	}
}

func (o *updateOptions) flags(c *kingpin.CmdClause) {
	c.Arg("id", "Ids, of which a unique beginning is enough; the bead you touched last if you give none.").PlaceHolder("ID").StringsVar(&o.ids)
	c.Flag("batch", "Changes in a file: an array of objects with id and the keys to change, or one object a line.").PlaceHolder("FILE").StringVar(&o.batch)
	c.Flag("title", "A new title.").PlaceHolder("TEXT").SetValue(&o.title)
	o.prose.Define(c)
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
	c.Flag("external-ref", "Its id in another system; '' for none.").PlaceHolder("REF").SetValue(&o.external)
}

func (o *updateOptions) run(ctx context.Context) error {
	op := strings.TrimSpace("update " + session.Names(o.ids))
	patches, err := o.patches()
	if o.batch != "" {
		op = "update beads from " + town.Clip(o.batch, 200)
	}
	var bad *ledger.BatchError
	switch {
	case len(patches) > 0 && errors.As(err, &bad):
		return session.FailBatch(ctx, o.call, op, "", bad, func(l *session.Ledger) error {
			return l.FullPatches(ctx, patches, func(p []ledger.Patch) error { return l.CheckPatches(ctx, p) })
		})
	case err != nil:
		return session.Fail(op, err)
	}
	var list []town.Bead
	err = session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullPatches(ctx, patches, func(p []ledger.Patch) error {
			list, err = l.Update(ctx, p)
			touchLast(l, list)
			return err
		})
	})
	if err != nil {
		return session.Fail(op, err)
	}
	return view.Beads(o.call, "updated", list)
}

// patches returns the changes that were asked for: one for each id, or those of a
// file.
func (o *updateOptions) patches() ([]ledger.Patch, error) {
	p, any, err := o.patch()
	switch {
	case err != nil:
		return nil, err
	case o.batch != "" && (any || len(o.ids) > 0):
		return nil, fmt.Errorf("%w: --batch FILE holds every change; give no ids and no other flags", town.ErrUsage)
	case o.batch != "":
		return o.file()
	case !any:
		return nil, fmt.Errorf("%w: nothing to change; bd update --help lists what can be", town.ErrUsage)
	}
	if o.ids, err = session.Named(o.call, "update", o.ids); err != nil {
		return nil, err
	}
	list := make([]ledger.Patch, len(o.ids))
	for i, id := range o.ids {
		list[i] = p
		list[i].ID = id
	}
	return list, nil
}

func (o *updateOptions) file() ([]ledger.Patch, error) {
	f, err := flags.OpenFile(o.call, o.batch)
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

// patch returns the change that the flags describe, and whether there is any.
func (o *updateOptions) patch() (p ledger.Patch, any bool, err error) {
	if err := o.prose.Read(o.call); err != nil {
		return p, false, err
	}
	p = ledger.Patch{
		Title: o.title.Pointer(), Description: o.prose.Description.Pointer(), Design: o.prose.Design.Pointer(),
		AcceptanceCriteria: o.prose.Acceptance.Pointer(), Notes: o.prose.Notes.Pointer(), AppendNotes: o.appendNotes.Pointer(),
		Assignee: o.assignee.Pointer(), Owner: o.owner.Pointer(), ExternalRef: o.external.Pointer(), Parent: o.parent.Pointer(),
		AddLabels: flags.Split(o.addLabels), RemoveLabels: flags.Split(o.removeLabels), Claim: o.claim,
	}
	if o.labels.Given {
		all := flags.Split(o.labels.Values)
		p.Labels = &all
	}
	var errs []error
	p.Status = flags.Parsed(o.status, town.StatusWord, &errs)
	p.Type = flags.Parsed(o.kind, town.TypeWord, &errs)
	p.Priority = flags.Parsed(o.priority, town.ParsePriority, &errs)
	p.EstimatedMinutes = flags.Parsed(o.estimate, flags.Minutes, &errs)
	date := func(name string) func(string) (time.Time, error) {
		return func(s string) (time.Time, error) { return flags.Date{Name: name, Text: s}.At(o.call.Now()) }
	}
	p.DueAt = flags.Parsed(o.due, date("due"), &errs)
	p.DeferUntil = flags.Parsed(o.start, date("defer"), &errs)
	any = p.Title != nil || p.Description != nil || p.Design != nil || p.AcceptanceCriteria != nil || p.Notes != nil ||
		p.AppendNotes != nil || p.Assignee != nil || p.Owner != nil || p.ExternalRef != nil || p.Parent != nil ||
		len(p.AddLabels)+len(p.RemoveLabels) > 0 || p.Claim || p.Labels != nil || p.Status != nil || p.Type != nil ||
		p.Priority != nil || p.EstimatedMinutes != nil || p.DueAt != nil || p.DeferUntil != nil
	return p, any, errors.Join(errs...)
}
