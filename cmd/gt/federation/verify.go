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
		Name: "verify", Help: "Check the signatures of everything in the federation plane, and of shared records.",
		Examples: []string{"gt federation verify", "gt federation verify --json", "gt federation verify --vouch    # this Town stands for the documents that nobody signed"},
		Planes:   []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		WritesWith: []string{"vouch"}, WritePermission: shell.MayWriteFederation,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			vouch := c.Flag("vouch", "Let this Town stand for the documents that nobody signed. Read them first.").Bool()
			return func(ctx context.Context) error { return verify(ctx, call, *vouch) }
		},
	}
}

func verify(ctx context.Context, call *shell.Call, vouch bool) error {
	h, err := open(call)
	if err != nil {
		return err
	}
	var out federation.Verification
	var towns map[town.ID]string
	err = h.engine.Read(ctx, func(s *federation.Store) error {
		if vouch {
			if _, err := s.Vouch(ctx); err != nil {
				return err
			}
		}
		if out, err = s.Verify(ctx); err == nil {
			towns, err = townNames(ctx, s)
		}
		return err
	})
	if err == nil {
		err = h.engine.VerifyRecords(ctx, h.Remotes(), &out)
	}
	if err != nil {
		return err
	}
	return call.Show(out, func(p *term.Printer) {
		p.Line("%s signed by the Town they name, %d not", term.Plural(out.Signed, "row is", "rows are"), out.UnsignedTotal)
		if out.Vouched > 0 {
			p.Line("another Town stands for %s", term.Plural(out.Vouched, "row", "rows"))
		}
		var rows [][]string
		for _, u := range out.Unsigned {
			rows = append(rows, []string{u.Row, townName(towns, u.Town), u.Author, u.Reason})
		}
		if len(rows) > 0 {
			p.Table([]string{"ROW", "NAMES TOWN", "AUTHOR", "REASON"}, rows)
			p.Line("gt federation verify --vouch lets this Town stand for the documents among them")
		}
	})
}
