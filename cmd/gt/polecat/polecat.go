// Package polecat is the command group gt polecat: the workers of the Town's rigs.
package polecat

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/layout"
)

// options are the options of the group.
type options struct {
	call   *shell.Call
	rig    string
	state  string
	names  []string
	reason string
	stuck  bool
	dryRun bool
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("polecat", "The workers of the rigs.").HelpLong(shell.Examples(
		"gt polecat list", "gt polecat show web/polecats/amber", "gt polecat nuke web/amber", "gt polecat cleanup --stuck"))
	add := func(c shell.Command, define func(o *options, c *kingpin.CmdClause) shell.Action) {
		c.Planes = []string{layout.Operational, layout.Ledger}
		c.Define = func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
			return define(&options{call: call}, clause)
		}
		p.Add(g, c)
	}
	add(shell.Command{
		Name: "list", Help: "List the polecats with what they do.", Permission: shell.MayReadPolecat, Repeatable: true,
		Examples: []string{"gt polecat list", "gt polecat list --rig=web --state=stalled,zombie --json"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("rig", "Only those of this rig.").PlaceHolder("R").StringVar(&o.rig)
		c.Flag("state", "Only those in these states: idle, working, waiting, stalled, zombie.").PlaceHolder("S,S").StringVar(&o.state)
		return o.list
	})
	add(shell.Command{
		Name: "show", Help: "Show one polecat: what it does, why that is thought, and its assignment.", Permission: shell.MayReadPolecat, Repeatable: true,
		Examples: []string{"gt polecat show web/polecats/amber", "gt polecat show web/amber --json"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("polecat", "Its address, RIG/polecats/NAME or RIG/NAME.").Required().StringsVar(&o.names)
		return o.show
	})
	add(shell.Command{
		Name: "nuke", Help: "Give a polecat's bead back, end its session, save what is in its sandbox, and remove that. What cannot be saved stays.",
		Permission: shell.MayNuke, Writes: true, Repeatable: true,
		Examples: []string{"gt polecat nuke web/amber", "gt polecat nuke web/polecats/amber --reason \"wrong approach\""},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("polecat", "Their addresses.").Required().StringsVar(&o.names)
		c.Flag("reason", "Why.").Default("nuked by a person").PlaceHolder("TEXT").StringVar(&o.reason)
		return o.nuke
	})
	add(shell.Command{
		Name: "cleanup", Help: "Nuke the polecats that are stuck: stalled ones and zombies.",
		Permission: shell.MayNuke, Writes: true, Repeatable: true, Examples: []string{"gt polecat cleanup --stuck", "gt polecat cleanup --stuck --dry-run"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("stuck", "Those that are stalled or a zombie.").Required().BoolVar(&o.stuck)
		c.Flag("rig", "Only those of this rig.").PlaceHolder("R").StringVar(&o.rig)
		c.Flag("dry-run", "Only list them.").BoolVar(&o.dryRun)
		return o.cleanup
	})
	add(shell.Command{
		Name: "patrol", Help: "Run one pass of what the Deacon runs every half minute: assign what waits, start sessions, hand over work, mend what was left.",
		Permission: shell.MaySling, Writes: true, Repeatable: true, Examples: []string{"gt polecat patrol"},
	}, func(o *options, _ *kingpin.CmdClause) shell.Action { return o.patrol })
}

// work reads who works on what.
func work(ctx context.Context, h *host.Host) (w operational.Work, err error) {
	err = h.Rows(ctx, func(s *operational.Store) (err error) {
		w, err = s.Work(ctx)
		return err
	})
	return w, err
}

// find reads an address, or RIG/NAME. An error names the nearest polecat.
func find(w operational.Work, name string) (operational.Agent, error) {
	address, err := town.ParseAddress(name)
	if rig, short, ok := strings.Cut(name, "/"); err != nil && ok && !strings.Contains(short, "/") {
		address, err = town.ParseAddress(rig + "/polecats/" + short)
	}
	if err == nil {
		if a, ok := w.Agent(address); ok && address.Kind == town.Polecat {
			return a, nil
		}
		err = fmt.Errorf("%w: there is no polecat %s", town.ErrUsage, address)
	}
	var all []string
	for _, a := range w.Agents {
		all = append(all, a.Address.String(), a.Address.Rig+"/"+a.Address.Name)
	}
	next := "gt polecat list shows them"
	if near := town.Nearest(name, all, 1); len(near) > 0 {
		next = "did you mean " + near[0] + "? " + next
	}
	return operational.Agent{}, town.Fail("find the polecat "+town.Typed(name), next, "%w", err)
}

func (o *options) list(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	var states []town.AgentState
	for word := range strings.SplitSeq(o.state, ",") {
		if word == "" {
			continue
		}
		state, err := town.ParseAgentState(word)
		if err != nil {
			return town.Fail("list the polecats", "gt polecat list --help names the states", "%w", err)
		}
		states = append(states, state)
	}
	w, err := work(ctx, h)
	if err != nil {
		return err
	}
	all, err := o.ofRig(h, w)
	if err != nil {
		return err
	}
	if len(states) > 0 {
		all = slices.DeleteFunc(all, func(a operational.Agent) bool { return !slices.Contains(states, a.State) })
	}
	for _, bad := range w.Spoilt {
		o.call.Hint("left out: %s", bad)
	}
	return o.call.Show(all, func(p *term.Printer) {
		if len(all) == 0 {
			p.Line("no polecats; gt sling BEAD RIG starts one")
			return
		}
		var rows [][]string
		for _, a := range all {
			rows = append(rows, []string{a.Address.String(), string(a.State), a.Bead, fmt.Sprint(a.Run), o.call.Ago(a.Since), a.Evidence})
		}
		p.Table([]string{"POLECAT", "STATE", "BEAD", "RUN", "SINCE", "EVIDENCE"}, rows)
	})
}

// ofRig returns the polecats of --rig, or all. A rig that was removed from the configuration
// may still have some.
func (o *options) ofRig(h *host.Host, w operational.Work) ([]operational.Agent, error) {
	all := []operational.Agent{}
	for _, a := range w.Agents {
		if a.Address.Kind == town.Polecat && (o.rig == "" || a.Address.Rig == o.rig) {
			all = append(all, a)
		}
	}
	if o.rig != "" && len(all) == 0 {
		_, err := h.Rigs().Find(o.rig)
		return all, err
	}
	return all, nil
}

// shown is what gt polecat show prints.
type shown struct {
	operational.Agent
	Assignment *operational.Assignment `json:"assignment,omitempty"`
}

func (o *options) show(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	w, err := work(ctx, h)
	if err != nil {
		return err
	}
	list := []shown{}
	for _, name := range o.names {
		a, err := find(w, name)
		if err != nil {
			return err
		}
		one := shown{Agent: a}
		if held, ok := w.HeldBy(a.Address); ok {
			one.Assignment = &held
		}
		list = append(list, one)
	}
	return o.call.Show(list, func(p *term.Printer) {
		for _, s := range list {
			p.Line("%s  %s since %s: %s", s.Address, s.State, o.call.Ago(s.Since), s.Evidence)
			p.Line("  run %d, session %s, sandbox %s", s.Run, cmp.Or(s.Session, "none"), cmp.Or(s.Sandbox, "none"))
			if a := s.Assignment; a != nil {
				p.Line("  bead %s, %s since %s (epoch %d), asked for by %s", a.Bead, a.State, o.call.Ago(a.Changed), a.Epoch, cmp.Or(a.By, "none"))
			}
			if !s.Beat.IsZero() {
				p.Line("  last heartbeat %s", o.call.Ago(s.Beat))
			}
		}
	})
}
