package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// deleteOptions are those of bd delete and bd restore.
type deleteOptions struct {
	app    *App
	ids    []string
	force  bool
	reason string
}

// moved is what bd delete and bd restore print for each bead.
type moved struct {
	Status string `json:"status"`
	ID     string `json:"id"`
}

func (a *App) configureDelete(p *kingpin.Application) {
	o := &deleteOptions{app: a}
	c := a.add(p, "delete", "Take beads out of the ledger, all or none. They are kept aside, and bd restore brings them back.", examples(
		"bd delete gt-a3f8x", `bd delete gt-a3f8x gt-b7151 --force --reason "made twice"`), o.delete)
	c.Arg("id", "Ids; a unique beginning is enough.").Required().PlaceHolder("ID").StringsVar(&o.ids)
	c.Flag("force", "Do not ask.").Short('f').BoolVar(&o.force)
	c.Flag("reason", "Why.").PlaceHolder("TEXT").StringVar(&o.reason)

	r := &deleteOptions{app: a}
	c = a.add(p, "restore", "Bring deleted beads back, with their links to beads that exist.", examples(
		"bd list --deleted", "bd restore gt-a3f8x"), r.restore)
	c.Arg("id", "Full ids.").Required().PlaceHolder("ID").StringsVar(&r.ids)
}

func (o *deleteOptions) delete(ctx context.Context) error {
	var list []ledger.Detail
	var done []moved
	ids := o.ids
	take := func(d *desk) error { return d.Delete(ctx, ids, o.reason) }
	// Nobody is kept from the ledger while somebody thinks.
	err := o.app.with(ctx, func(d *desk) (err error) {
		list, err = d.Get(ctx, o.ids, append(ledger.Fields{"dependent_count"}, shownFields...))
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
		return take(d)
	})
	if err == nil && !o.force {
		if err = o.confirm(ctx, list); err == nil {
			err = o.app.with(ctx, take)
		}
	}
	if err != nil {
		return failed("delete "+some(o.ids), err)
	}
	return o.say(done, "deleted %s; bd restore %[1]s brings it back")
}

// confirm shows what would go and asks, where somebody can answer.
func (o *deleteOptions) confirm(ctx context.Context, list []ledger.Detail) error {
	refused := town.Fail("delete "+some(o.ids), "look at what would go, then run it again with --force",
		"%w: nobody has confirmed it, and nothing was deleted", town.ErrRefused)
	if !o.app.JSON {
		p := o.app.printer(o.app.Stderr)
		p.Line("This would delete:")
		for _, d := range list {
			more := ""
			if d.DependentCount > 0 {
				more = fmt.Sprintf(" (%s here depend on it)", term.Plural(d.DependentCount, "link", "links"))
			}
			sayBead(p, "  ", d.Bead, more)
		}
		if err := p.Flush(); err != nil {
			return err
		}
	}
	if o.app.JSON || !term.IsTerminal(o.app.Stdin) || !term.IsTerminal(o.app.Stderr) {
		return refused
	}
	fmt.Fprint(o.app.Stderr, "Continue? [y/N] ")
	answer, err := term.ReadLine(ctx, o.app.Stdin)
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
	err := o.app.with(ctx, func(d *desk) error {
		for _, id := range o.ids {
			done = append(done, moved{"restored", id})
		}
		err := d.Restore(ctx, o.ids)
		if errors.Is(err, ledger.ErrUnknown) || errors.Is(err, ledger.ErrAlive) {
			return town.Fail("restore "+some(o.ids), "bd list --deleted shows what can be brought back", "%w", err)
		}
		return err
	})
	if err != nil {
		return failed("restore "+some(o.ids), err)
	}
	return o.say(done, "restored %s")
}

func (o *deleteOptions) say(done []moved, format string) error {
	return o.app.summary(done, func(p *term.Printer) {
		for _, m := range done {
			p.Styled(term.Good, format, m.ID)
		}
	})
}
