// Package alert is the command group gt alert: it lists alerts, silences them, and tests
// the channels that send them.
package alert

import (
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/planes/operational"
	"gastown/town/layout"
)

// options are the options of the group.
type options struct {
	call *shell.Call
	host *host.Host

	words   []string
	all     bool
	length  time.Duration
	comment string
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("alert", "Alerts, the channels that they are sent through, and silences.").HelpLong(shell.Examples(
		"gt alert list", `gt alert silence PolecatsStuck --for 2h --comment "ann looks at it"`, "gt alert test slack-alerts"))
	add := func(c shell.Command, define func(o *options, c *kingpin.CmdClause) shell.Action) {
		c.Planes, c.Repeatable = []string{layout.Operational}, true
		c.Define = func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
			return define(&options{call: call}, clause)
		}
		p.Add(g, c)
	}
	add(shell.Command{
		Name: "list", Help: "List the alerts that fire, and the silences in force.", Permission: shell.MayReadTown, Default: true,
		Examples: []string{"gt alert list", "gt alert list --all --json"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("all", "Also list alerts that ended in the last 30 days.").BoolVar(&o.all)
		return o.list
	})
	add(shell.Command{
		Name: "show", Help: "Show alerts with their labels.", Permission: shell.MayReadTown, Examples: []string{"gt alert show PolecatsStuck", "gt alert show 3f8d3c1e --json"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("alert", "An alert's name, or a prefix of its id.").Required().StringsVar(&o.words)
		return o.show
	})
	add(shell.Command{
		Name: "silence", Help: "Silence alerts for a while: channels get nothing about alerts that match all matchers.", Permission: shell.MayAdminDeacon, Writes: true,
		Examples: []string{`gt alert silence PolecatsStuck --for 2h --comment "ann looks at it"`, "gt alert silence rig=web severity=warning --for 1d", `gt alert silence "name=~check-.*" --for 30m`},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("what", "A name, or LABEL=VALUE, LABEL!=VALUE, LABEL=~REGEXP, LABEL!~REGEXP.").Required().StringsVar(&o.words)
		length := c.Flag("for", "For how long: 30m, 2h, 7d.").Default("2h").PlaceHolder("TIME").String()
		c.Flag("comment", "Why.").Short('c').PlaceHolder("TEXT").StringVar(&o.comment)
		return func(ctx context.Context) (err error) {
			if o.length, err = lasting(*length); err != nil {
				return err
			}
			return o.silence(ctx)
		}
	})
	add(shell.Command{
		Name: "unsilence", Help: "End silences early.", Permission: shell.MayAdminDeacon, Writes: true, Examples: []string{"gt alert unsilence 8c1d0a77f2", "gt alert unsilence --all"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("silence", "Ids of silences, or prefixes of ids.").StringsVar(&o.words)
		c.Flag("all", "All of them.").BoolVar(&o.all)
		return o.unsilence
	})
	add(shell.Command{
		Name: "test", Help: "Test a channel: send a message that is no alert, and show the receiver's answer.", Permission: shell.MayAdminDeacon, Writes: true,
		Alone: true, Examples: []string{"gt alert test slack-alerts", "gt alert test --all --json"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("channel", "Names of notification plugins in deacon/plugins.yaml.").StringsVar(&o.words)
		c.Flag("all", "All channels in force.").BoolVar(&o.all)
		return o.test
	})
}

// with calls fn with the operational plane.
func (o *options) with(ctx context.Context, fn func(*operational.Store) error) (err error) {
	if o.host, err = host.Open(o.call); err != nil {
		return err
	}
	return o.host.Rows(ctx, fn)
}
