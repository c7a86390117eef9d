package change

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// deleteOptions are those of bd delete and bd restore.
type deleteOptions struct {
	call   *shell.Call
	ids    []string
	force  bool
	reason string
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
		Examples: []string{"bd delete gt-a3f8x", `bd delete gt-a3f8x gt-b7151 --force --reason "made twice"`},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &deleteOptions{call: call}
			c.Arg("id", "Ids; a unique beginning is enough.").Required().PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("force", "Do not ask.").Short('f').BoolVar(&o.force)
			c.Flag("reason", "Why.").PlaceHolder("TEXT").StringVar(&o.reason)
			return o.delete
		},
	}
}

// Restore is bd restore.
func Restore() shell.Command {
	return shell.Command{
		Name: "restore", Help: "Bring deleted beads back, with their links to beads that exist.",
		Examples: []string{"bd list --deleted", "bd restore gt-a3f8x"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &deleteOptions{call: call}
			c.Arg("id", "Full ids.").Required().PlaceHolder("ID").StringsVar(&o.ids)
			return o.restore
		},
	}
}

func (o *deleteOptions) delete(ctx context.Context) error {
	var list []ledger.Detail
	var done []moved
	ids := o.ids
	take := func(l *session.Ledger) error { return l.Delete(ctx, ids, o.reason) }
	// The ledger is closed while a person decides.
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		list, err = l.Get(ctx, o.ids, append(ledger.Fields{"dependent_count"}, view.LineFields()...))
		if err != nil {
			return err
		}
		ids = nil
		for _, b := range list {
			ids = append(ids, b.ID)
			done = append(done, moved{"deleted", b.ID})
		}
		if !o.force {
			return nil
		}
		return take(l)
	})
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

func (o *deleteOptions) restore(ctx context.Context) error {
	var done []moved
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		for _, id := range o.ids {
			done = append(done, moved{"restored", id})
		}
		err := l.Restore(ctx, o.ids)
		if errors.Is(err, ledger.ErrUnknown) || errors.Is(err, ledger.ErrAlive) {
			return town.Fail("restore "+session.Names(o.ids), "bd list --deleted shows what can be brought back", "%w", err)
		}
		return err
	})
	if err != nil {
		return session.Fail("restore "+session.Names(o.ids), err)
	}
	return o.say(done, "restored %s")
}

func (o *deleteOptions) say(done []moved, format string) error {
	return o.call.Changed(done, func(p *term.Printer) {
		for _, m := range done {
			p.Styled(term.Good, format, m.ID)
		}
	})
}
