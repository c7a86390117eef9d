// Package witness is the command group gt witness: how the polecats of the rigs do.
package witness

import (
	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/town/layout"
)

// options are the options of the group.
type options struct {
	call   *shell.Call
	rig    string
	dryRun bool
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("witness", "How the polecats of the rigs do, and what is done about those that do not get on.").HelpLong(shell.Examples(
		"gt witness status", "gt witness patrol --dry-run", "gt witness patrol web"))
	add := func(c shell.Command, define func(o *options, c *kingpin.CmdClause) shell.Action) {
		c.Planes, c.Repeatable = []string{layout.Operational, layout.Ledger}, true
		c.Define = func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			clause.Arg("rig", "Only this rig.").StringVar(&o.rig)
			return define(o, clause)
		}
		p.Add(g, c)
	}
	add(shell.Command{
		Name: "status", Help: "Show what the last patrols found of the polecats at work, and which beads lost a worker.", Permission: shell.MayReadWitness, Default: true,
		Examples: []string{"gt witness status", "gt witness status web --json"},
	}, func(o *options, _ *kingpin.CmdClause) shell.Action { return o.status })
	add(shell.Command{
		Name: "patrol", Help: "Run one patrol of what the Deacon runs every half minute: look how the polecats do, nudge and recover those that do not get on.",
		Permission: shell.MayRunWitness, Writes: true, Examples: []string{"gt witness patrol", "gt witness patrol web --dry-run --json"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("dry-run", "Only say what would be done, and why.").BoolVar(&o.dryRun)
		return o.patrol
	})
}

// rigs are the names of one rig, or of all.
func (o *options) rigs(h *host.Host) (names []string, err error) {
	if o.rig != "" {
		s, err := h.Rigs().Find(o.rig)
		return []string{s.Name}, err
	}
	all, err := h.Rigs().Load()
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names, err
}
