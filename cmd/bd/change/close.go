package change

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/layout"
)

// closeOptions are those of bd close and bd reopen.
type closeOptions struct {
	call   *shell.Call
	ids    []string
	reason string
}

// Close is bd close.
func Close() shell.Command {
	return shell.Command{
		Name: "close", Alias: "done", Help: "Close beads, all or none.",
		Examples: []string{"bd close gt-a3f8x", `bd close gt-a3f8x gt-b7151 --reason "merged in 4f2a"`, "bd close gt-a3f8x --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &closeOptions{call: call}
			c.Arg("id", "Ids, of which a unique beginning is enough; the bead you touched last if you give none.").PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("reason", "Why.").Short('r').PlaceHolder("TEXT").StringVar(&o.reason)
			return o.close
		},
	}
}

// Reopen is bd reopen.
func Reopen() shell.Command {
	return shell.Command{
		Name: "reopen", Help: "Open closed beads again, all or none; others stay as they are.",
		Examples: []string{"bd reopen gt-a3f8x", `bd reopen gt-a3f8x --reason "fails again on 32 bit"`},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &closeOptions{call: call}
			c.Arg("id", "Ids; a unique beginning is enough.").Required().PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("reason", "Why; stored as a comment.").Short('r').PlaceHolder("TEXT").StringVar(&o.reason)
			return o.reopen
		},
	}
}

func (o *closeOptions) close(ctx context.Context) (err error) {
	if o.ids, err = session.Named(o.call, "close", o.ids); err != nil {
		return err
	}
	return o.move(ctx, "close", "closed", func(l *session.Ledger, ids []string) ([]town.Bead, error) {
		return l.CloseBeads(ctx, ids, o.reason)
	})
}

func (o *closeOptions) reopen(ctx context.Context) error {
	return o.move(ctx, "reopen", "opened again", func(l *session.Ledger, ids []string) ([]town.Bead, error) {
		if o.reason != "" {
			return l.ReopenBecause(ctx, ids, o.reason)
		}
		return l.Reopen(ctx, ids)
	})
}

func (o *closeOptions) move(ctx context.Context, verb, done string, fn func(*session.Ledger, []string) ([]town.Bead, error)) error {
	var list []town.Bead
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullIDs(ctx, o.ids, func(ids []string) (err error) {
			list, err = fn(l, ids)
			touchLast(l, list)
			return err
		})
	})
	if err != nil {
		return session.Fail(verb+" "+session.Names(o.ids), err)
	}
	return view.Beads(o.call, done, list)
}

// touchLast notes the last of the changed beads as the one that the author touched.
func touchLast(l *session.Ledger, list []town.Bead) {
	if len(list) > 0 {
		l.Touch(list[len(list)-1].ID)
	}
}
