package federation

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/federation"
	"gastown/town"
	"gastown/town/layout"
)

func verifyCommand() shell.Command {
	return shell.Command{
		Name: "verify", Help: "Check the signatures of everything in the federation plane.",
		Examples: []string{"gt federation verify", "gt federation verify --json"},
		Planes:   []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(ctx context.Context) error { return verify(ctx, call) }
		},
	}
}

func verify(ctx context.Context, call *shell.Call) error {
	h, err := open(call)
	if err != nil {
		return err
	}
	var out federation.Verification
	var towns map[town.ID]string
	err = h.engine.Read(ctx, func(s *federation.Store) error {
		if out, err = s.Verify(ctx); err == nil {
			towns, err = townNames(ctx, s)
		}
		return err
	})
	if err != nil {
		return err
	}
	return call.Show(out, func(p *term.Printer) {
		p.Line("%s signed by the Town they name, %d not", term.Plural(out.Signed, "row is", "rows are"), out.UnsignedTotal)
		var rows [][]string
		for _, u := range out.Unsigned {
			rows = append(rows, []string{u.Row, townName(towns, u.Town), u.Author, u.Reason})
		}
		if len(rows) > 0 {
			p.Table([]string{"ROW", "NAMES TOWN", "AUTHOR", "REASON"}, rows)
			p.Line("an edit of a document makes it this Town's, and signs it")
		}
	})
}
