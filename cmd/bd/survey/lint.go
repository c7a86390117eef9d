package survey

import (
	"context"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// lintOptions are those of bd lint.
type lintOptions struct {
	call    *shell.Call
	filters flags.Filters
	ids     []string
}

// finding is a bead that lacks something.
type finding struct {
	ID       string        `json:"id"`
	Title    string        `json:"title"`
	Type     town.BeadType `json:"type"`
	Missing  []string      `json:"missing"`
	Warnings int           `json:"warnings"`

	bead town.Bead
}

// Lint is bd lint.
func Lint() shell.Command {
	return shell.Command{
		Name: "lint", Help: "Show open beads that lack what their type should say: how a bug shows, when work is done. Exit 1 when there are any.",
		Examples: []string{"bd lint", "bd lint gt-a3f8x", "bd lint -t bug -s all --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &lintOptions{call: call}
			c.Arg("ids", "These beads only, in any status.").PlaceHolder("ID").StringsVar(&o.ids)
			o.filters.Define(c)
			return o.run
		},
	}
}

func (o *lintOptions) run(ctx context.Context) error {
	const op = "look for what beads lack"
	f, err := o.filters.Build(o.call.Now(), false)
	if err != nil {
		return session.Fail(op, err)
	}
	f.Limit, f.Fields = 0, append(view.LineFields(), "description", "acceptance_criteria")
	switch {
	case len(o.ids) > 0:
		f.IDs = append(f.IDs, o.ids...)
	case !o.filters.All && len(f.Statuses) == 0:
		f.Statuses = []town.Status{town.StatusOpen}
	}
	found, checked, warnings := []finding{}, 0, 0
	err = session.UseFilter(ctx, o.call, f, func(l *session.Ledger, f ledger.Filter) error {
		return l.List(ctx, f, func(i ledger.Item) error {
			checked++
			if missing := ledger.Lacks(i.Bead); len(missing) > 0 {
				warnings += len(missing)
				i.Bead.Description, i.Bead.AcceptanceCriteria = "", ""
				found = append(found, finding{i.ID, i.Title, i.Type, missing, len(missing), i.Bead})
			}
			return nil
		})
	})
	if err != nil {
		return session.Fail(op, err)
	}
	err = o.call.Show(struct {
		Total   int       `json:"total"`
		Issues  int       `json:"issues"`
		Results []finding `json:"results"`
	}{warnings, len(found), found}, func(p *term.Printer) {
		for _, f := range found {
			view.Bead(p, "", f.bead, "")
			for _, heading := range f.Missing {
				p.Styled(term.Dim, "    no %s", strings.TrimPrefix(heading, "## "))
			}
		}
		if len(found) == 0 {
			p.Line("Nothing is missing in %s.", term.Plural(checked, "bead", "beads"))
		}
	})
	if err != nil || len(found) == 0 || o.call.JSON {
		return err
	}
	return town.Fail(op, "bd update ID --acceptance TEXT or --description TEXT says it",
		"%s of %d lack something", term.Plural(len(found), "bead", "beads"), checked)
}
