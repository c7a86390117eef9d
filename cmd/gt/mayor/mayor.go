// Package mayor is the command group gt mayor: the session of the Town's coordinator.
package mayor

import (
	"cmp"
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/layout"
)

// options are the options of the group.
type options struct {
	call   *shell.Call
	preset string
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("mayor", "The Town's coordinator: an agent that turns wishes into beads. The Town works without one.").HelpLong(shell.Examples(
		"gt mayor start", "gt mayor attach", "gt mayor status", "gt mayor stop"))
	add := func(c shell.Command, define func(o *options, c *kingpin.CmdClause) shell.Action) {
		c.Planes = []string{layout.Operational}
		c.Define = func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
			return define(&options{call: call}, clause)
		}
		p.Add(g, c)
	}
	add(shell.Command{
		Name: "start", Help: "Start its session, with the rules of federation/roles/mayor.md. One that runs stays as it is.",
		Examples:   []string{"gt mayor start", "gt mayor start --agent codex"},
		Permission: shell.MayAdminMayor, Writes: true, Repeatable: true,
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("agent", "The preset of the agent program (default: agent.command).").PlaceHolder("A").StringVar(&o.preset)
		return o.start
	})
	add(shell.Command{
		Name: "status", Help: "Say whether it runs, what it shows, and what mail it has.", Examples: []string{"gt mayor status", "gt mayor status --json"},
		Permission: shell.MayReadMayor, Repeatable: true,
	}, func(o *options, _ *kingpin.CmdClause) shell.Action { return o.status })
	add(shell.Command{
		Name: "attach", Help: "Show its session on this terminal, until you detach with Ctrl-B D.", Examples: []string{"gt mayor attach"},
		Permission: shell.MayEnterSession, Alone: true,
	}, func(o *options, _ *kingpin.CmdClause) shell.Action { return o.attach })
	add(shell.Command{
		Name: "stop", Help: "End its session with every process that it started. Its mail stays.", Examples: []string{"gt mayor stop"},
		Permission: shell.MayAdminMayor, Writes: true, Repeatable: true,
	}, func(o *options, _ *kingpin.CmdClause) shell.Action { return o.stop })
}

// status is what the commands print.
type status struct {
	Agent   town.Address `json:"agent"`
	Running bool         `json:"running"`
	Run     town.Run     `json:"run,omitempty"`
	Preset  string       `json:"preset,omitempty"`
	// Shows is what its session shows, Dialog what a person must answer there.
	Shows  agent.State `json:"shows,omitempty"`
	Dialog string      `json:"dialog,omitempty"`
	Unread int         `json:"unread"`
	// Changed says that this command started or stopped it.
	Changed bool `json:"changed,omitempty"`
}

func (o *options) start(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	s := status{Agent: host.Mayor, Running: true}
	if s.Run, s.Changed, err = h.StartMayor(ctx, o.preset); err != nil {
		return err
	}
	return o.call.Changed(s, func(p *term.Printer) {
		if !s.Changed {
			p.Line("the Mayor runs already (run %d): gt mayor attach", s.Run)
			return
		}
		p.Line("the Mayor starts (run %d): gt mayor attach, or gt mail send mayor/ -m TEXT", s.Run)
		if !h.HasDeacon() {
			p.Line("no Deacon runs to hand it its first text; in its session type: gt prime")
		}
	})
}

func (o *options) status(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	s := status{Agent: host.Mayor}
	row, known, err := h.MayorRow(ctx)
	if err != nil {
		return err
	}
	s.Run, s.Preset = row.Run, row.Preset
	look, running, err := h.LookAtMayor(ctx)
	if err != nil {
		return err
	}
	s.Running, s.Shows, s.Dialog = running, look.State, look.Dialog
	err = h.WithLedger(ctx, func(l *ledger.Store) error {
		box, err := l.Unread(ctx, host.Mayor.String())
		s.Unread = box.Unread
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(s, func(p *term.Printer) {
		switch {
		case s.Running:
			p.Line("the Mayor runs (run %d, %s), and is %s%s", s.Run, cmp.Or(s.Preset, "no preset"), s.Shows, dialog(s.Dialog))
		case known && row.Session != "":
			p.Styled(term.Warn, "the Mayor's session is gone or its program has ended: gt mayor start")
		default:
			p.Line("no Mayor runs, and none is needed: gt mayor start")
		}
		p.Line("%s unread", term.Plural(s.Unread, "message", "messages"))
	})
}

func dialog(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + "): gt mayor attach"
}

func (o *options) attach(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	return h.Attach(ctx, host.Mayor.String())
}

func (o *options) stop(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	s := status{Agent: host.Mayor}
	if s.Changed, err = h.StopMayor(ctx); err != nil {
		return err
	}
	return o.call.Changed(s, func(p *term.Printer) {
		if s.Changed {
			p.Line("the Mayor's session has ended")
		} else {
			p.Line("no Mayor runs")
		}
	})
}
