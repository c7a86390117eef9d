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

// linkDone is what bd link prints.
type linkDone struct {
	Status string       `json:"status"`
	Bead   string       `json:"issue_id"`
	Target string       `json:"depends_on_id"`
	Type   town.DepType `json:"type"`
}

// Link is bd link.
func Link() shell.Command {
	return shell.Command{
		Name: "link", Help: "Make a bead depend on another, as bd dep add does.",
		Examples: []string{"bd link gt-a3f8x gt-b7151        # a3f8x waits for b7151", "bd link gt-a3f8x gt-b7151 -t related"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			var id, target, kind string
			c.Arg("id", "The bead that waits.").Required().PlaceHolder("ID").StringVar(&id)
			c.Arg("on", "The bead it waits for.").Required().PlaceHolder("ID").StringVar(&target)
			c.Flag("type", "blocks, related, parent-child or another type.").Short('t').Default(string(town.DepBlocks)).PlaceHolder("TYPE").StringVar(&kind)
			return func(ctx context.Context) error { return link(ctx, call, id, target, kind) }
		},
	}
}

func link(ctx context.Context, call *shell.Call, id, target, word string) error {
	op := "link " + session.Names([]string{id, target})
	kind, err := town.ParseDepType(word)
	if err != nil {
		return session.Fail(op, err)
	}
	d := town.Dependency{Bead: id, Target: target, Type: kind}
	n := 0
	err = session.Use(ctx, call, func(l *session.Ledger) error {
		return l.FullIDs(ctx, ends(d), func(ids []string) (err error) {
			d.Bead = ids[0]
			if len(ids) > 1 {
				d.Target = ids[1]
			}
			if n, err = l.DepAdd(ctx, []town.Dependency{d}); err == nil {
				l.Touch(d.Bead)
			}
			return err
		})
	})
	if err != nil {
		return session.Fail(op, err)
	}
	done := linkDone{"added", d.Bead, d.Target, d.Type}
	if n == 0 {
		done.Status = "unchanged"
	}
	return view.Done(call, done, "%s: %s depends on %s (%s)", done.Status, d.Bead, d.Target, d.Type)
}

// ends are the ends of a link that are beads of this ledger.
func ends(d town.Dependency) []string {
	if ledger.External(d.Target) {
		return []string{d.Bead}
	}
	return []string{d.Bead, d.Target}
}
