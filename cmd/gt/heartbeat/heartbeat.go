// Package heartbeat is gt heartbeat: an agent says that it lives.
package heartbeat

import (
	"context"
	"errors"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/primer"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/deacon/control"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/layout"
)

const (
	// defaultPatience bounds the wait: an agent does not stand still for a sign of life.
	defaultPatience = 2 * time.Second
	// hookPatience bounds it for a hook, of which nobody reads the outcome.
	hookPatience = 500 * time.Millisecond
)

// heartbeatOptions are those of gt heartbeat.
type heartbeatOptions struct {
	call               *shell.Call
	state, note, agent string
	hook               bool
}

// Commands adds gt heartbeat to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "heartbeat", Help: "Say that an agent lives, and what it does.",
		Examples: []string{"gt heartbeat", `gt heartbeat working --note "runs the tests"`, "gt heartbeat idle --hook    # for the hooks of an agent's program: never fails"},
		Planes:   []string{layout.Operational}, Permission: shell.MayDoWork, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &heartbeatOptions{call: call}
			c.Arg("state", "One word for what it does.").Default("working").PlaceHolder("STATE").StringVar(&o.state)
			c.Flag("note", "A line about it.").PlaceHolder("TEXT").StringVar(&o.note)
			c.Flag("agent", "The agent's address (default: that of this session or sandbox).").PlaceHolder("ADDRESS").StringVar(&o.agent)
			c.Flag("hook", "Exit 0 whatever happens; what is wrong stands on standard error.").BoolVar(&o.hook)
			return o.run
		},
	})
}

func (o *heartbeatOptions) run(ctx context.Context) error {
	patience := defaultPatience
	if o.hook {
		patience = hookPatience
	}
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	beat, err := o.send(soon, patience)
	if o.hook {
		if err != nil {
			o.call.Hint("gt heartbeat: %s", shell.Message(err))
		}
		return nil
	}
	if err != nil {
		return err
	}
	return o.call.Summary(beat, func(p *term.Printer) { p.Line("%s lives: %s", beat.Agent, beat.State) })
}

// send tells the Deacon, which acknowledges from memory. Without a Deacon it writes the
// row itself.
func (o *heartbeatOptions) send(ctx context.Context, patience time.Duration) (beat control.Heartbeat, err error) {
	call := *o.call
	call.Wait = min(call.Wait, patience)
	h, err := host.Open(&call)
	if err != nil {
		return beat, err
	}
	agent, run, err := o.who(h)
	if err != nil {
		return beat, err
	}
	beat = control.Heartbeat{Agent: agent.String(), State: o.state, Note: o.note, Run: int64(run)}
	if err := beat.Validate(); err != nil {
		return beat, err
	}
	client := control.NewClient(h.Layout.ControlSocket())
	defer client.Close()
	if err := client.Heartbeat(ctx, beat); !errors.Is(err, control.ErrNoDeacon) {
		return beat, err
	}
	return beat, h.Rows(ctx, func(s *operational.Store) error {
		w, err := s.Work(ctx)
		if err != nil {
			return err
		}
		if now, _ := w.Agent(agent); run > 0 && run < now.Run {
			return control.OldRun(beat, int64(now.Run))
		}
		return s.Record(ctx, operational.Batch{Heartbeats: []operational.Heartbeat{{Agent: beat.Agent, State: beat.State, Note: beat.Note, Run: run, At: o.call.Now()}}})
	})
}

// who is the agent that lives, and its run; 0 when that is not known.
func (o *heartbeatOptions) who(h *host.Host) (town.Address, town.Run, error) {
	caller, err := primer.Caller(o.call, h.Layout)
	a, run := caller.Agent, caller.Run
	if o.agent != "" {
		named, err := town.ParseAddress(o.agent)
		if named != a {
			run = 0
		}
		return named, run, err
	}
	if err != nil {
		return a, 0, err
	}
	if !caller.IsAgent() {
		return a, 0, town.Fail("send a heartbeat", "name the agent: gt heartbeat --agent RIG/polecats/NAME",
			"%w: this is no session or sandbox of an agent", town.ErrUsage)
	}
	return a, run, nil
}
