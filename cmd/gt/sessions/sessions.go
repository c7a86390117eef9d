// Package sessions is gt tmux, gt attach and gt peek: the sessions of agents as tmux
// has them.
package sessions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/agent"
)

// options are the options of these commands.
type options struct {
	call  *shell.Call
	dead  bool
	agent string
	past  int
}

// Commands adds them to a program.
func Commands(p *shell.Program) {
	g := p.Command("tmux", "The Town's sessions, on its own tmux server.").HelpLong(shell.Examples("gt tmux list", "gt tmux cleanup --dead"))
	p.Add(g, shell.Command{
		Name: "list", Help: "List the sessions of the Town.", Examples: []string{"gt tmux list", "gt tmux list --json"},
		Permission: shell.MayReadSession, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&options{call: call}).list },
	})
	p.Add(g, shell.Command{
		Name: "cleanup", Help: "End sessions whose program has ended.", Examples: []string{"gt tmux cleanup --dead"},
		Permission: shell.MayAdminTown, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Flag("dead", "Those whose program has ended, with what it left running.").BoolVar(&o.dead)
			return o.cleanup
		},
	})
	p.Add(p, shell.Command{
		Name: "attach", Help: "Show an agent's session on this terminal, until you detach with Ctrl-B D.",
		Examples:   []string{"gt attach mayor/", "gt attach web/polecats/nux", "gt attach web/nux"},
		Permission: shell.MayEnterSession, Alone: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Arg("agent", "The agent's address.").Required().StringVar(&o.agent)
			return o.attach
		},
	})
	p.Add(p, shell.Command{
		Name: "peek", Help: "Print what an agent's session shows.",
		Examples:   []string{"gt peek web/polecats/nux", "gt peek web/nux -n 200", "gt peek mayor/ --json"},
		Permission: shell.MayReadSession, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Arg("agent", "The agent's address.").Required().StringVar(&o.agent)
			shell.Number(c.Flag("lines", "Lines that scrolled off the screen before it, at most 1000.").Short('n').PlaceHolder("LINES"), &o.past)
			return o.peek
		},
	})
}

// open returns the Town's host and tmux.
func (o *options) open() (*host.Host, agent.Tmux, error) {
	h, err := host.Open(o.call)
	if err != nil {
		return nil, agent.Tmux{}, err
	}
	t, err := h.Sessions()
	return h, t, err
}

func (o *options) list(ctx context.Context) error {
	_, t, err := o.open()
	if err != nil {
		return err
	}
	all, err := t.List(ctx)
	if err != nil {
		return err
	}
	if all == nil {
		all = []agent.Signs{}
	}
	return o.call.Show(all, func(p *term.Printer) {
		if len(all) == 0 {
			p.Line("there are no sessions")
			return
		}
		var rows [][]string
		for _, s := range all {
			state := "runs"
			if s.Ended {
				state = fmt.Sprintf("ended (%d)", s.Status)
			}
			rows = append(rows, []string{s.Name, cmp.Or(s.Agent, "-"), state, o.call.Ago(s.Started), o.call.Ago(s.Output), fmt.Sprint(s.Attached)})
		}
		p.Table([]string{"SESSION", "AGENT", "STATE", "STARTED", "OUTPUT", "ATTACHED"}, rows)
	})
}

func (o *options) cleanup(ctx context.Context) error {
	if !o.dead {
		return town.Fail("clean up sessions", "gt tmux cleanup --dead", "%w: say which sessions", town.ErrUsage)
	}
	h, t, err := o.open()
	if err != nil {
		return err
	}
	all, err := t.List(ctx)
	if err != nil {
		return err
	}
	ended, failed := []string{}, error(nil)
	for _, s := range all {
		if !s.Ended {
			continue
		}
		name := cmp.Or(s.Agent, s.Name)
		session, _, err := h.SessionOf(ctx, t, name)
		if err == nil {
			err = session.End(ctx)
		}
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		ended = append(ended, name)
	}
	return errors.Join(o.call.Changed(map[string][]string{"ended": ended}, func(p *term.Printer) {
		for _, name := range ended {
			p.Line("ended the session of %s", name)
		}
		if len(ended) == 0 {
			p.Line("no session's program has ended")
		}
	}), failed)
}

func (o *options) attach(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	return h.Attach(ctx, o.agent)
}

func (o *options) peek(ctx context.Context) error {
	if o.past < 0 {
		return town.Fail("look at "+town.Typed(o.agent), "give a number such as -n 100", "%w: -n %d is negative", town.ErrUsage, o.past)
	}
	h, t, err := o.open()
	if err != nil {
		return err
	}
	session, _, err := h.SessionOf(ctx, t, o.agent)
	if err != nil {
		return err
	}
	look, err := session.Look(ctx, o.past)
	if err != nil {
		return err
	}
	return o.call.Show(look, func(p *term.Printer) {
		for _, line := range look.Lines {
			p.Line("%s", line)
		}
		p.Styled(term.Dim, "%s: %s%s, last output %s", o.agent, look.State, dialog(look), o.call.Ago(look.Signs.Output.Truncate(time.Second)))
	})
}

func dialog(look agent.Look) string {
	if look.Dialog == "" {
		return ""
	}
	return " (" + look.Dialog + ")"
}
