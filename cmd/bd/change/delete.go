package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// deleteOptions are those of bd delete and bd restore, which only has ids.
type deleteOptions struct {
	call    *shell.Call
	ids     []string
	file    string
	force   bool
	dryRun  bool
	cascade bool
	reason  string
}

// moved is what bd delete and bd restore print of one bead.
type moved struct {
	Status string `json:"status"`
	ID     string `json:"id"`
}

// Delete is bd delete.
func Delete() shell.Command {
	return shell.Command{
		Name: "delete", Help: "Delete beads, all or none. bd restore brings them back.",
		Examples: []string{
			"bd delete gt-a3f8x", `bd delete gt-a3f8x gt-b7151 --force --reason "made twice"`,
			"bd delete gt-a3f8x --cascade --dry-run", "bd delete --from-file ids.txt --force",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, DryWith: []string{"dry-run"},
		Reads: []string{"from-file"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &deleteOptions{call: call}
			c.Arg("id", "Ids; a unique beginning is enough.").PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("from-file", "A file with an id on each line; - for standard input.").PlaceHolder("FILE").StringVar(&o.file)
			c.Flag("cascade", "Their children too, and what waits for them.").BoolVar(&o.cascade)
			c.Flag("dry-run", "Show what would be deleted, and delete nothing.").BoolVar(&o.dryRun)
			c.Flag("force", "Do not ask.").Short('f').BoolVar(&o.force)
			c.Flag("reason", "Why.").PlaceHolder("TEXT").StringVar(&o.reason)
			return o.delete
		},
	}
}

func (o *deleteOptions) delete(ctx context.Context) error {
	if err := o.readIDs(); err != nil {
		return session.Fail("delete beads", err)
	}
	var list []ledger.Detail
	var done []moved
	ids := o.ids
	take := func(l *session.Ledger) error { return l.Delete(ctx, ids, o.reason) }
	// The ledger is closed while a person decides.
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		if list, err = o.find(ctx, l); err != nil {
			return err
		}
		ids = nil
		for _, b := range list {
			ids = append(ids, b.ID)
			done = append(done, moved{"deleted", b.ID})
		}
		if !o.force || o.dryRun {
			return nil
		}
		return take(l)
	})
	if err == nil && o.dryRun {
		for i := range done {
			done[i].Status = "would delete"
		}
		return o.say(done, "would delete %s")
	}
	if err == nil && !o.force {
		if err = o.confirm(ctx, list); err == nil {
			err = session.Use(ctx, o.call, take)
		}
	}
	if err != nil {
		return session.Fail("delete "+session.Names(o.ids), err)
	}
	return o.say(done, "deleted %s; bd restore %[1]s brings it back")
}

// readIDs adds the ids of the file to those that were given. Empty lines and lines that
// begin with # are no ids.
func (o *deleteOptions) readIDs() error {
	if o.file != "" {
		text, err := flags.ReadFile(o.call, o.file, maxPlan)
		if err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				o.ids = append(o.ids, line)
			}
		}
	}
	if len(o.ids) == 0 {
		return fmt.Errorf("%w: give the ids: bd delete ID..., or --from-file FILE", town.ErrUsage)
	}
	return nil
}

// find reads the beads to delete, each once.
func (o *deleteOptions) find(ctx context.Context, l *session.Ledger) ([]ledger.Detail, error) {
	fields := append(ledger.Fields{"dependent_count"}, view.LineFields()...)
	list, err := l.Get(ctx, o.ids, fields)
	if err != nil || !o.cascade {
		return list, err
	}
	ids := make([]string, len(list))
	for i, b := range list {
		ids[i] = b.ID
	}
	if ids, err = l.WithDependents(ctx, ids); err != nil {
		return nil, err
	}
	return l.Get(ctx, ids, fields)
}

// confirm shows what would be deleted and asks. It refuses where nobody can answer.
func (o *deleteOptions) confirm(ctx context.Context, list []ledger.Detail) error {
	refused := town.Fail("delete "+session.Names(o.ids), "check what would be deleted, then run it again with --force",
		"%w: nobody has confirmed it, and nothing was deleted", town.ErrRefused)
	if !o.call.JSON {
		p := o.call.Printer(o.call.Stderr)
		p.Line("This would delete:")
		for _, d := range list {
			more := ""
			if d.DependentCount > 0 {
				more = fmt.Sprintf(" (%s here depend on it)", term.Plural(d.DependentCount, "link", "links"))
			}
			view.Bead(p, "  ", d.Bead, more)
		}
		if err := p.Flush(); err != nil {
			return err
		}
	}
	if o.call.JSON || !term.IsTerminal(o.call.Stdin) || !term.IsTerminal(o.call.Stderr) {
		return refused
	}
	fmt.Fprint(o.call.Stderr, "Continue? [y/N] ")
	answer, err := term.ReadLine(ctx, o.call.Stdin)
	if err != nil {
		return err
	}
	if !term.Yes(answer) {
		return refused
	}
	return nil
}

func (o *deleteOptions) say(done []moved, format string) error {
	return o.call.Changed(done, func(p *term.Printer) {
		for _, m := range done {
			p.Styled(term.Good, format, m.ID)
		}
	})
}
