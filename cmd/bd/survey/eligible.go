package survey

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// finished is what bd epic close-eligible prints.
type finished struct {
	Closed []string `json:"closed"`
	Count  int      `json:"count"`
	Reason string   `json:"reason,omitempty"`
	DryRun bool     `json:"dry_run,omitempty"`
}

// CloseEligible is bd epic close-eligible.
func CloseEligible() shell.Command {
	return shell.Command{
		Name: "close-eligible", Help: "Close the epics that have children, all of them closed, and wait for nothing.",
		Examples: []string{"bd epic close-eligible --dry-run", `bd epic close-eligible --reason "released"`},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, DryWith: []string{"dry-run"}, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			reason := c.Flag("reason", "Why.").Short('r').Default("All children completed").PlaceHolder("TEXT").String()
			dry := c.Flag("dry-run", "Show which, and change nothing.").Bool()
			return func(ctx context.Context) error { return closeEligible(ctx, call, *reason, *dry) }
		},
	}
}

func closeEligible(ctx context.Context, call *shell.Call, reason string, dry bool) error {
	var closed ledger.Closed
	err := session.Use(ctx, call, func(l *session.Ledger) error {
		return l.Change(ctx, dry, "close finished epics", func(c *ledger.Change) (err error) {
			closed, err = c.CloseFinished(ctx, reason)
			return err
		})
	})
	if err != nil {
		return session.Fail("close finished epics", err)
	}
	if closed.Left != nil {
		for _, e := range closed.Left.Entries {
			call.Hint("%s", e)
		}
	}
	list := closed.Beads
	done := finished{Closed: []string{}, Count: len(list), Reason: reason, DryRun: dry}
	if len(list) == 0 {
		done.Reason = ""
	}
	for _, b := range list {
		done.Closed = append(done.Closed, b.ID)
	}
	verb := "closed"
	if dry {
		verb = "would close"
	}
	return call.Changed(done, func(p *term.Printer) {
		for _, b := range list {
			p.Styled(term.Good, "%s %s", verb, view.Line(b))
		}
		if len(list) == 0 {
			p.Line("No epic is finished.")
		}
	})
}
