package find

import (
	"context"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/query"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// queryOptions are those of bd query.
type queryOptions struct {
	listOptions
	words     []string
	parseOnly bool
}

// Query is bd query.
func Query() shell.Command {
	return shell.Command{
		Name: "query", Help: "List what an expression selects: comparisons of fields, with AND, OR, NOT and parentheses.",
		Examples: []string{
			"bd query 'status=open AND priority<=1'", "bd query 'type=bug AND (label=ui OR title=login)'", "bd query 'NOT assignee=none AND updated<7d'",
			"bd query 'closed>=2026-01-01' --json",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &queryOptions{listOptions: listOptions{call: call}}
			c.Arg("expression", "Fields: "+strings.Join(query.Fields(), ", ")+".").Required().PlaceHolder("EXPRESSION").StringsVar(&o.words)
			o.filters.DefineOrder(c)
			c.Flag("all", "Closed ones too.").Short('a').BoolVar(&o.filters.All)
			o.printFlags(c)
			c.Flag("parse-only", "Check the expression and list nothing.").BoolVar(&o.parseOnly)
			return o.query
		},
	}
}

func (o *queryOptions) query(ctx context.Context) error {
	text := strings.Join(o.words, " ")
	q, err := query.Parse(text, o.call.Now())
	if err != nil {
		return town.Fail("query "+town.Clip(text, 80), "bd query --help lists the fields, and has examples", "%w", err)
	}
	if o.parseOnly {
		return o.call.Show(struct {
			Query string `json:"query"`
		}{text}, func(p *term.Printer) { p.Line("The expression is sound.") })
	}
	o.filters.All = o.filters.All || q.Status
	o.narrow = func(f *ledger.Filter, _ time.Time) { f.All = append(f.All, q.Filter) }
	return session.Fail("query "+town.Clip(text, 80), o.run(ctx))
}
