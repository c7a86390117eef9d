package survey

import (
	"context"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/layout"
)

// GraphCheck is bd graph check.
func GraphCheck() shell.Command {
	return shell.Command{
		Name: "check", Help: "Look for beads that wait for each other. Exit 1 when there are any.",
		Examples: []string{"bd graph check", "bd graph check --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(ctx context.Context) error { return checkGraph(ctx, call) }
		},
	}
}

func checkGraph(ctx context.Context, call *shell.Call) error {
	const op = "check how beads are linked"
	var out struct {
		Clean   bool       `json:"clean"`
		Cycles  [][]string `json:"cycles"`
		Summary struct {
			Cycles int `json:"cycle_count"`
		} `json:"summary"`
	}
	err := session.Use(ctx, call, func(l *session.Ledger) (err error) {
		out.Cycles, err = l.DepCycles(ctx)
		return err
	})
	if err != nil {
		return session.Fail(op, err)
	}
	out.Summary.Cycles, out.Clean = len(out.Cycles), len(out.Cycles) == 0
	if out.Clean {
		out.Cycles = [][]string{}
	}
	err = call.Show(out, func(p *term.Printer) {
		for _, ids := range out.Cycles {
			p.Line("%s", p.Fit(strings.Join(ids, " -> ")))
		}
		if out.Clean {
			p.Line("No bead waits for itself.")
		}
	})
	switch {
	case err != nil || out.Clean:
		return err
	case call.JSON:
		return shell.Shown(nil)
	}
	return town.Fail(op, "bd dep remove ID ID removes one of its links", "%s", term.Plural(len(out.Cycles), "cycle", "cycles"))
}
