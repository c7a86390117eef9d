// Package metrics is the command groups gt metrics, which shows the Town's metrics over
// time, and gt monitor, which switches their recording on and off.
//
// While a Deacon runs, the commands ask it. Without one they read the files that it left.
package metrics

import (
	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/town/layout"
)

// performance is the only type of gt monitor.
const performance = "performance"

// Commands adds both groups to a program.
func Commands(p *shell.Program) {
	g := p.Command("metrics", "The Town's figures over time, with their thresholds.").HelpLong(shell.Examples(
		"gt metrics show", "gt metrics query polecat_count --since 6h", "gt metrics export --format=prometheus"))
	p.Add(g, shell.Command{
		Name: "show", Help: "Show the key figures, their thresholds and their last hour.", Examples: []string{"gt metrics show", "gt metrics show --json"},
		Planes: []string{layout.Operational}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&options{call: call}).show },
	})
	p.Add(g, shell.Command{
		Name: "query", Help: "Evaluate a PromQL expression, now or over a range of time.",
		Examples: []string{"gt metrics query polecat_count", "gt metrics query dolt_latency --since 6h --step 1m",
			`gt metrics query 'sum by (rig) (gt_polecats)' --json`},
		Planes: []string{layout.Operational}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Arg("expr", "The expression, such as a figure's name.").Required().PlaceHolder("EXPR").StringVar(&o.expr)
			o.rangeFlags(c)
			return o.query
		},
	})
	p.Add(g, shell.Command{
		Name: "export", Help: "Print metrics for other programs.",
		Examples: []string{"gt metrics export --format=prometheus", "gt metrics export --format=json", "gt metrics export --format=csv mail_backlog --since 24h --step 5m"},
		Planes:   []string{layout.Operational}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Flag("format", "prometheus (the metrics of the Deacon as GET /metrics has them), json or csv.").Default("prometheus").
				PlaceHolder("FORMAT").EnumVar(&o.format, "prometheus", "json", "csv")
			c.Arg("expr", "For json and csv: a PromQL expression; by default all figures.").PlaceHolder("EXPR").StringVar(&o.expr)
			o.rangeFlags(c)
			return o.export
		},
	})
	m := p.Command("monitor", "Switch the recording of metrics on or off, and print the rules.").HelpLong(shell.Examples(
		"gt monitor enable --type=performance", "gt monitor disable --type=performance", "gt monitor rules --write"))
	for _, c := range []struct{ name, help, value, example string }{
		{"enable", "Record metrics and evaluate rules.", "true", "gt monitor enable --type=performance"}, {"disable", "Stop recording metrics and evaluating rules. What was recorded stays until it expires.", "false", "gt monitor disable --type=performance"},
	} {
		p.Add(m, shell.Command{
			Name: c.name, Help: c.help, Examples: []string{c.example},
			Planes: []string{layout.Operational}, Permission: shell.MayAdminTown, Writes: true, Repeatable: true,
			Define: func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
				o := &options{call: call, value: c.value}
				clause.Flag("type", "What to monitor: performance.").Default(performance).PlaceHolder("TYPE").EnumVar(&o.kind, performance)
				return o.monitor
			},
		})
	}
	p.Add(m, shell.Command{
		Name: "rules", Help: "Print the rules that deacon/rules.yaml has, or the built-in ones.", Examples: []string{"gt monitor rules", "gt monitor rules --write"},
		Permission: shell.MayReadTown, WritesWith: []string{"write"}, WritePermission: shell.MayAdminTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Flag("write", "Write the built-in rules to deacon/rules.yaml, to be edited there. A file that is there stays as it is.").BoolVar(&o.write)
			return o.rules
		},
	})
}

// rangeFlags describes the flags of a range of time.
func (o *options) rangeFlags(c *kingpin.CmdClause) {
	c.Flag("since", "Over the range of time that began this long ago: 90m, 6h, 7d.").PlaceHolder("DURATION").StringVar(&o.since)
	c.Flag("step", "The time between two values; by default what a chart needs.").PlaceHolder("DURATION").StringVar(&o.step)
}
