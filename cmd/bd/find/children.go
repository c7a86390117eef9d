package find

import (
	"context"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// Children is bd children.
func Children() shell.Command {
	return shell.Command{
		Name: "children", Help: "List the children of a bead, closed ones too.",
		Examples: []string{"bd children gt-a3f8x", "bd children gt-a3f8x --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &listOptions{call: call}
			var parent string
			c.Arg("id", "The parent.").Required().PlaceHolder("ID").StringVar(&parent)
			o.filters.Define(c)
			o.printFlags(c)
			return func(ctx context.Context) error {
				o.filters.All = true
				o.filters.ChildrenOf(parent)
				return o.run(ctx)
			}
		},
	}
}

// staleOptions are those of bd stale.
type staleOptions struct {
	listOptions
	days int
}

// usualStaleDays is after how many days without a change a bead is stale.
const usualStaleDays = 30

// Stale is bd stale.
func Stale() shell.Command {
	return shell.Command{
		Name: "stale", Help: "List beads that are not closed and have not changed for a while, the longest first.",
		Examples: []string{"bd stale", "bd stale --days 7 -s in_progress", "bd stale --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &staleOptions{listOptions: listOptions{call: call}}
			o.filters.Define(c)
			o.printFlags(c)
			shell.Number(c.Flag("days", "For how many days.").Short('d').Default(fmt.Sprint(usualStaleDays)).PlaceHolder("N"), &o.days)
			return o.stale
		},
	}
}

func (o *staleOptions) stale(ctx context.Context) error {
	const most = 100_000
	if o.days < 1 || o.days > most {
		return session.Fail("list stale beads", fmt.Errorf("%w: --days %d: use 1 to %d", town.ErrUsage, o.days, most))
	}
	o.narrow = func(f *ledger.Filter, now time.Time) {
		before := now.Add(-time.Duration(o.days) * 24 * time.Hour)
		if f.Updated.To.IsZero() || before.Before(f.Updated.To) {
			f.Updated.To = before
		}
		if len(f.Sort) == 0 {
			f.Sort = []ledger.Order{{Field: "updated_at"}}
		}
	}
	return o.run(ctx)
}
