package change

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// Unclaim is bd unclaim.
func Unclaim() shell.Command {
	return shell.Command{
		Name: "unclaim", Help: "Give beads back, all or none: nobody has them, and those that were begun are open. Only who has a bead may do so.",
		Examples: []string{"bd unclaim gt-a3f8x", "bd unclaim gt-a3f8x --force        # another one has it"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			ids := c.Arg("id", "Ids; a unique beginning is enough.").Required().PlaceHolder("ID").Strings()
			force := c.Flag("force", "Also if somebody else has it.").Short('f').Bool()
			return func(ctx context.Context) error { return unclaim(ctx, call, *ids, *force) }
		},
	}
}

func unclaim(ctx context.Context, call *shell.Call, refs []string, force bool) error {
	var list []town.Bead
	err := session.Use(ctx, call, func(l *session.Ledger) error {
		return l.FullIDs(ctx, refs, func(ids []string) (err error) {
			patches := make([]ledger.Patch, len(ids))
			for i, id := range ids {
				patches[i] = ledger.Patch{ID: id, Unclaim: true, Force: force}
			}
			list, err = l.Update(ctx, patches)
			touchLast(l, list)
			return err
		})
	})
	if err != nil {
		return session.Fail("unclaim "+session.Names(refs), err)
	}
	return view.Beads(call, "gave back", list)
}
