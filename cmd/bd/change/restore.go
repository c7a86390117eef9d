package change

import (
	"context"
	"errors"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

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
