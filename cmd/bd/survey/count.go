package survey

import (
	"context"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// countOptions are those of bd count.
type countOptions struct {
	call    *shell.Call
	filters flags.Filters
	by      [len(groupings)]bool
}

// groupings are what bd count may group by.
var groupings = [...]string{"status", "priority", "type", "assignee", "label"}

// Count is bd count.
func Count() shell.Command {
	return shell.Command{
		Name: "count", Help: "Count beads, closed ones too.",
		Examples: []string{"bd count", "bd count -s open -t bug", "bd count --by-status --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &countOptions{call: call}
			o.filters.Define(c)
			for i, by := range groupings {
				c.Flag("by-"+by, "For each "+by+".").BoolVar(&o.by[i])
			}
			c.Flag("include-infra", "Without effect: every type is counted.").Hidden().Bool()
			return o.run
		},
	}
}

func (o *countOptions) run(ctx context.Context) error {
	f, err := o.filters.Build(o.call.Now(), false)
	by := ""
	for i, on := range o.by {
		switch {
		case on && by != "":
			err = fmt.Errorf("%w: give one of --by-status, --by-priority, --by-type, --by-assignee and --by-label", town.ErrUsage)
		case on:
			by = groupings[i]
		}
	}
	if err != nil {
		return session.Fail("count beads", err)
	}
	var counts ledger.Counts
	err = session.UseFilter(ctx, o.call, f, func(l *session.Ledger, f ledger.Filter) (err error) {
		counts, err = l.Count(ctx, f, by)
		return err
	})
	if err != nil {
		return session.Fail("count beads", err)
	}
	if by == "" {
		return o.call.Show(struct {
			Count int `json:"count"`
		}{counts.Total}, func(p *term.Printer) { p.Line("%d", counts.Total) })
	}
	return o.call.Show(counts, func(p *term.Printer) {
		for _, g := range counts.Groups {
			p.Line("%s", p.Fit(fmt.Sprintf("%6d  %s", g.Count, g.Name)))
		}
		p.Styled(term.Dim, "%6d  in all", counts.Total)
	})
}
