package dep

import (
	"context"
	"errors"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// errUnrelated says that there is no link to remove.
var errUnrelated = errors.New("they are not related")

// relate is bd dep relate.
func relate() shell.Command {
	return shell.Command{
		Name: "relate", Help: "Link two beads as related, both ways. Neither waits for the other.",
		Examples: []string{"bd dep relate gt-a3f8x gt-b7151", "bd dep relate gt-a3f8x gt-b7151 --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &depOptions{call: call}
			o.both(c)
			return o.relate
		},
	}
}

// unrelate is bd dep unrelate.
func unrelate() shell.Command {
	return shell.Command{
		Name: "unrelate", Help: "Remove the links that bd dep relate made.",
		Examples: []string{"bd dep unrelate gt-a3f8x gt-b7151"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &depOptions{call: call}
			o.both(c)
			return o.unrelate
		},
	}
}

func (o *depOptions) both(c *kingpin.CmdClause) {
	c.Arg("id", "A bead.").Required().PlaceHolder("ID").StringVar(&o.bead)
	c.Arg("other", "The bead it is related to.").Required().PlaceHolder("ID").StringVar(&o.target)
}

func (o *depOptions) relate(ctx context.Context) error {
	done := linkDone{Status: "added", Type: town.DepRelates}
	err := o.link(ctx, "relate", func(l *session.Ledger, ids []string) error {
		done.Bead, done.Target = ids[0], ids[1]
		n, err := l.DepAdd(ctx, []town.Dependency{
			{Bead: ids[0], Target: ids[1], Type: town.DepRelates}, {Bead: ids[1], Target: ids[0], Type: town.DepRelates},
		})
		if n == 0 {
			done.Status = "unchanged"
		}
		return err
	})
	if err != nil {
		return err
	}
	return view.Done(o.call, done, "%s: %s and %s are related", done.Status, done.Bead, done.Target)
}

func (o *depOptions) unrelate(ctx context.Context) error {
	done := linkDone{Status: "removed", Type: town.DepRelates}
	err := o.link(ctx, "unrelate", func(l *session.Ledger, ids []string) error {
		done.Bead, done.Target = ids[0], ids[1]
		return l.Together(ctx, "unrelate "+ids[0]+" and "+ids[1], func(c *ledger.Change) error {
			there, err := c.DepRemove(ctx, ids[0], ids[1], town.DepRelates)
			if err != nil {
				return err
			}
			back, err := c.DepRemove(ctx, ids[1], ids[0], town.DepRelates)
			if err == nil && there+back == 0 {
				return town.Fail("unrelate "+ids[0]+" and "+ids[1], "bd show "+ids[0]+" lists its links", "%w", errUnrelated)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	return view.Done(o.call, done, "removed: %s and %s are no longer related", done.Bead, done.Target)
}
