// Package refinery is the command group gt refinery: the merge queues of the rigs.
package refinery

import (
	"context"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/rig"
)

// options are the options of the group.
type options struct {
	call     *shell.Call
	rig      string
	number   int
	requests []string
	which    string
	reason   string
	batch    bool
	skip     string
	parallel bool
	cache    bool
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("refinery", "The merge queues of the rigs: what is tested and lands.").HelpLong(shell.Examples(
		"gt refinery status", "gt refinery merge --batch", "gt refinery log web-a1", "gt refinery queue.size 20", "gt refinery parallelism 3"))
	add := func(c shell.Command, define func(o *options, c *kingpin.CmdClause) shell.Action) {
		c.Planes, c.Repeatable = []string{layout.Operational, layout.Ledger}, true
		if c.Permission == "" {
			c.Permission = shell.MayReadRefinery
		}
		c.Define = func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			clause.Flag("rig", "Only this rig (default: all, or the only one).").PlaceHolder("R").StringVar(&o.rig)
			return define(o, clause)
		}
		p.Add(g, c)
	}
	add(shell.Command{
		Name: "status", Help: "Show what waits, what is tested, what was decided, and what keeps a rig from landing.", Default: true,
		Examples: []string{"gt refinery status", "gt refinery status --rig=web --json"},
	}, func(o *options, _ *kingpin.CmdClause) shell.Action { return o.status })
	settingCommands(add)
	passCommands(add)
	personCommands(add)
	pauseCommands(add)
	logCommand(add)
}

// request finds the merge request that a word names: its number, or its bead.
func (o *options) request(ctx context.Context, h *host.Host, word string) (m operational.MergeRequest, err error) {
	err = h.Rows(ctx, func(s *operational.Store) (err error) {
		m, err = s.Merge(ctx, word)
		return err
	})
	if err == nil && o.rig != "" && m.Agent.Rig != o.rig {
		err = fmt.Errorf("%w: it is of the rig %s", town.ErrUsage, m.Agent.Rig)
	}
	if err != nil {
		err = town.Fail("find the merge request "+town.Clip(word, 80), "gt refinery status shows them", "%w", err)
	}
	return m, err
}

// settings are those of one rig, or of all.
func (o *options) settings(h *host.Host) ([]rig.Settings, error) {
	if o.rig == "" {
		return h.Rigs().Load()
	}
	s, err := h.Rigs().Find(o.rig)
	return []rig.Settings{s}, err
}
