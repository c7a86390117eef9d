package change

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
	title                            flags.Text
	prose                            flags.Prose
	status, kind, priority, estimate flags.Text
	assignee, owner, parent          flags.Text
	external, spec, due, start       flags.Text
	addLabels, removeLabels          []string
	labels                           flags.List
	metadata                         flags.Text
	setMetadata, unsetMetadata       []string
	ephemeral, persistent, claim     bool
	force                            bool
	ifAssignee, ifStatus             flags.Text
	session                          string
}

// Update is bd update.
func Update() shell.Command {
	return shell.Command{
		Name: "update", Help: "Change beads, all or none, in one commit.",
		Examples: []string{
			"bd update gt-a3f8x -s in_progress -a ada", "bd update gt-a3f8x gt-b7151 -p 0 --add-label urgent",
			"bd update gt-a3f8x --claim", "bd update --batch changes.json", "bd update gt-a3f8x --due ''",
			"bd update gt-a3f8x --set-metadata team=core --unset-metadata old",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Reads:      append(flags.ProseFiles(), "batch", "metadata"),
		MayBeEmpty: []string{"assignee", "owner", "set-labels", "parent", "estimate", "due", "defer", "external-ref", "spec-id", "session", "if-assignee"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &updateOptions{call: call}
			o.flags(c)
			return o.run
		},
	}
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
	for i := range patches {
		patches[i].Guarded = !o.force
	}
	if err == nil && len(patches) == 0 {
		err = fmt.Errorf("%w: it holds no changes", town.ErrUsage)
	}
	return patches, err
}
