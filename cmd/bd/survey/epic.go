package survey

import (
	"context"
	"fmt"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// epicOptions are those of bd epic status.
type epicOptions struct {
	call     *shell.Call
	eligible bool
}

// EpicStatus is bd epic status.
func EpicStatus() shell.Command {
	return shell.Command{
		Name: "status", Help: "Show how far each epic is that is not closed.",
		Examples: []string{"bd epic status", "bd epic status --eligible-only --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &epicOptions{call: call}
			c.Flag("eligible-only", "Only epics whose children are all closed.").BoolVar(&o.eligible)
			return o.run
		},
	}
}

func (o *epicOptions) run(ctx context.Context) error {
	var epics []ledger.Epic
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		epics, err = l.Epics(ctx)
		return err
	})
	if err != nil {
		return session.Fail("show how far the epics are", err)
	}
	if o.eligible {
		epics = slices.DeleteFunc(epics, func(e ledger.Epic) bool { return !e.Eligible })
	}
	return o.call.Show(epics, func(p *term.Printer) {
		for _, e := range epics {
			more := fmt.Sprintf("  %d of %d closed", e.Closed, e.Children)
			if e.Eligible {
				more += ", can be closed"
			}
			view.Bead(p, "", e.Bead, more)
		}
		if len(epics) == 0 {
			p.Line("No such epic.")
		}
	})
}
