// Package analyze is gt analyze: it says where the Town's time goes, what waits and why,
// and what would help, from the metrics that the Deacon recorded and from the planes.
package analyze

import (
	"context"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/gt/internal/insight"
	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/town/analysis"
	"gastown/town/layout"
)

// defaultSince is the time that is looked at.
const defaultSince = "24h"

// options are those of gt analyze.
type options struct {
	call        *shell.Call
	kind, since string
}

// Commands adds gt analyze to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "analyze", Help: "Say where time goes: slow statements and commands, what waits and why, and what would help.",
		Examples: []string{"gt analyze --type=dolt", "gt analyze --type=mail --since 2h", "gt analyze --type=polecat --json", "gt analyze --type=refinery --since 7d"},
		Planes:   []string{layout.Operational, layout.Ledger}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			var types []string
			for _, t := range analysis.Types {
				types = append(types, string(t))
			}
			c.Flag("type", "What to analyze: "+strings.Join(types, ", ")+".").Default(types[0]).PlaceHolder("TYPE").EnumVar(&o.kind, types...)
			c.Flag("since", "The time to look at: 90m, 6h, 7d or when it began.").Default(defaultSince).PlaceHolder("TIME").StringVar(&o.since)
			return o.run
		},
	})
}

func (o *options) run(ctx context.Context) error {
	now := o.call.Now().Truncate(time.Millisecond) // as samples are
	since, err := insight.Since(o.since, now, "gt analyze --since 24h")
	if err != nil {
		return err
	}
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	kind := analysis.Type(o.kind)
	facts, why, err := insight.Facts(ctx, o.call, since, now, kind)
	if err != nil {
		return err
	}
	rows, err := insight.Rows(ctx, h, kind)
	if err != nil {
		return err
	}
	a := analysis.Analyze(kind, facts, rows, insight.Settings(h), now)
	if why != "" {
		a.Missing = append([]string{why}, a.Missing...)
	}
	return o.show(a)
}
