// Package witness is the command group gt witness: how the polecats of the rigs do.
package witness

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/witness"
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
		Name: "status", Help: "Show what the last patrols found of the polecats at work, and which beads lost a worker.", Permission: shell.MayReadTown, Default: true,
		Examples: []string{"gt witness status", "gt witness status web --json"},
	}, func(o *options, _ *kingpin.CmdClause) shell.Action { return o.status })
	add(shell.Command{
		Name: "patrol", Help: "Run one patrol of what the Deacon runs every half minute: look how the polecats do, nudge and recover those that do not get on.",
		Permission: shell.MayWriteLedger, Writes: true, Examples: []string{"gt witness patrol", "gt witness patrol web --dry-run --json"},
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

func (o *options) patrol(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	names, err := o.rigs(h)
	if err != nil {
		return err
	}
	w, err := h.Witness(names)
	if err != nil {
		return err
	}
	run := w.Patrol
	if o.dryRun {
		run = w.Look
	}
	found, failed := run(ctx)
	err = o.call.Summary(found, func(p *term.Printer) {
		if len(found.Findings) == 0 {
			p.Line("no polecat is at work")
		}
		for _, f := range found.Findings {
			p.Wrapped(style(f.Verdict), "", fmt.Sprintf("%s %s %s: %s", f.Agent, f.Bead, f.Verdict, town.Plain(f.Evidence)))
		}
		for _, a := range found.Actions {
			line := town.Plain(a.String())
			if o.dryRun {
				line = "would " + line
			}
			p.Wrapped("", "", line)
		}
	})
	return errors.Join(found.Err(), failed, err)
}

func style(v witness.Verdict) term.Style {
	switch v {
	case witness.Healthy, witness.Starting:
		return term.Good
	case witness.Stalled, witness.Zombie:
		return term.Bad
	}
	return term.Warn
}

// status is what gt witness status prints.
type status struct {
	Polecats   []operational.Watched  `json:"polecats"`
	Recoveries []operational.Recovery `json:"recoveries"`
}

func (o *options) status(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	if o.rig != "" {
		if _, err := h.Rigs().Find(o.rig); err != nil {
			return err
		}
	}
	found := status{Polecats: []operational.Watched{}, Recoveries: []operational.Recovery{}}
	err = h.Rows(ctx, func(s *operational.Store) error {
		work, err := s.Work(ctx)
		if err != nil {
			return err
		}
		seen, err := s.Watched(ctx)
		for _, w := range seen {
			if held, ok := work.HeldBy(w.Agent); ok && held.Run == w.Run && held.Epoch == w.Epoch && (o.rig == "" || w.Agent.Rig == o.rig) {
				found.Polecats = append(found.Polecats, w)
			}
		}
		for _, r := range work.Recoveries {
			if o.rig == "" || r.Agent.Rig == o.rig {
				found.Recoveries = append(found.Recoveries, r)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(found, func(p *term.Printer) { o.show(p, found) })
}

func (o *options) show(p *term.Printer, found status) {
	if len(found.Polecats) == 0 {
		p.Line("no patrol saw a polecat at work; gt witness patrol looks now")
	} else {
		var rows [][]string
		for _, w := range found.Polecats {
			rows = append(rows, []string{w.Agent.String(), w.Verdict, w.Cause, o.call.Ago(w.Since), fmt.Sprint(w.Nudges), town.Plain(w.Evidence)})
		}
		p.Table([]string{"POLECAT", "VERDICT", "CAUSE", "SINCE", "NUDGES", "EVIDENCE"}, rows)
	}
	for _, r := range found.Recoveries {
		p.Wrapped(term.Warn, "", fmt.Sprintf("%s is %s %s: %s", r.Bead, r.State, o.call.Ago(r.Changed), town.Plain(r.Why)))
	}
}
