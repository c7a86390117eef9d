package find

import (
	"context"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// humanLabel marks beads that wait for a person.
const humanLabel = "human"

// dismissed begins the close reason of a bead that nobody answered.
const dismissed = "Dismissed"

// forHuman selects the beads that wait, or waited, for a person.
var forHuman = ledger.Filter{Labels: []string{humanLabel}}

// Human adds the group bd human to a program, and returns it.
func Human(p *shell.Program) shell.Group {
	g := p.Command("human", "Beads that wait for a person: those with the label human.").HelpLong(shell.Examples("bd human", "bd human respond gt-a3f8x yes", "bd human stats"))
	p.Add(g, narrowed("list", "List what waits for a person.", []string{"bd human", "bd human list -s all --json"}, forHuman))
	p.Add(g, shell.Command{
		Name: "stats", Help: "Count what waits for a person, and what was answered or dismissed.",
		Examples: []string{"bd human stats", "bd human stats --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(ctx context.Context) error { return humanStats(ctx, call) }
		},
	})
	return g
}

func humanStats(ctx context.Context, call *shell.Call) error {
	var n struct {
		Total     int `json:"total"`
		Pending   int `json:"pending"`
		Responded int `json:"responded"`
		Dismissed int `json:"dismissed"`
	}
	f := forHuman
	f.Fields = ledger.Fields{"status", "close_reason"}
	err := session.Use(ctx, call, func(l *session.Ledger) error {
		return l.List(ctx, f, func(i ledger.Item) error {
			n.Total++
			switch {
			case i.Open():
				n.Pending++
			case strings.HasPrefix(i.CloseReason, dismissed):
				n.Dismissed++
			default:
				n.Responded++
			}
			return nil
		})
	})
	if err != nil {
		return session.Fail("count what waits for a person", err)
	}
	return call.Show(n, func(p *term.Printer) {
		p.Line("%d in all: %d wait, %d were answered, %d dismissed", n.Total, n.Pending, n.Responded, n.Dismissed)
	})
}
