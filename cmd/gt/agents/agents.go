// Package agents is gt agents: who works in the Town, and what is known of the programs
// that agents are.
package agents

import (
	"cmp"
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/layout"
)

// options are the options of gt agents.
type options struct {
	call    *shell.Call
	preset  string
	timeout time.Duration
}

// Commands adds gt agents to a program.
func Commands(p *shell.Program) {
	g := p.Command("agents", "Everyone who works in the Town, and the programs that agents are.").
		HelpLong(shell.Examples("gt agents", "gt agents presets", "gt agents test codex"))
	p.Add(g, shell.Command{
		Name: "list", Help: "List every agent: its state, what it works on, its session, its last sign of life.", Default: true,
		Examples: []string{"gt agents", "gt agents --json"}, Planes: []string{layout.Operational}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&options{call: call}).list },
	})
	p.Add(g, shell.Command{
		Name: "presets", Help: "List the programs that are known, with the version on which each was seen.",
		Examples: []string{"gt agents presets", "gt agents presets --json"}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&options{call: call}).presets },
	})
	p.Add(g, shell.Command{
		Name: "test", Help: "Start a program in a scratch sandbox, answer its dialogs, hand it a line, and say what was seen.",
		Examples: []string{"gt agents test codex", "gt agents test claude --timeout 2m"}, Permission: shell.MayAdminTown, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Arg("preset", "What to start; gt agents presets lists them.").Required().StringVar(&o.preset)
			c.Flag("timeout", "How long it may take to become ready.").Default("1m").PlaceHolder("DURATION").DurationVar(&o.timeout)
			return o.test
		},
	})
}

// row is an agent as gt agents shows it.
type row struct {
	Agent   string    `json:"agent"`
	Kind    string    `json:"kind"`
	Rig     string    `json:"rig,omitempty"`
	State   string    `json:"state"`
	Bead    string    `json:"bead,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Session string    `json:"session,omitempty"`
	Preset  string    `json:"preset,omitempty"`
	// Conversation is that of its newest session, if the program's hooks told of it.
	Conversation *town.Conversation `json:"conversation,omitempty"`
	Sign         *time.Time         `json:"last_sign_of_life,omitempty"`
	Why          string             `json:"evidence,omitempty"`
}

func (o *options) list(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	t, err := h.Sessions()
	if err != nil {
		return err
	}
	var work operational.Work
	var talks map[town.Address]town.Conversation
	err = h.Rows(ctx, func(s *operational.Store) error {
		if work, err = s.Work(ctx); err == nil {
			talks, err = s.Conversations(ctx)
		}
		return err
	})
	if err != nil {
		return err
	}
	// Who works is known also where tmux is missing or hangs.
	live, trouble := t.List(ctx)
	all := rows(work.Agents, talks, live)
	err = o.call.Show(all, func(p *term.Printer) {
		if len(all) == 0 {
			p.Line("there are no agents")
			return
		}
		var cells [][]string
		for _, r := range all {
			sign, since := "-", "-"
			if r.Sign != nil {
				sign = o.call.Ago(*r.Sign)
			}
			if !r.Since.IsZero() {
				since = o.call.Ago(r.Since)
			}
			cells = append(cells, []string{r.Agent, r.State, cmp.Or(r.Bead, "-"), since, cmp.Or(r.Session, "-"), sign})
		}
		p.Table([]string{"AGENT", "STATE", "BEAD", "SINCE", "SESSION", "LAST SIGN"}, cells)
	})
	if err != nil || trouble == nil {
		return err
	}
	return town.Fail("look at the agents' sessions", "gt doctor says what is wrong with tmux", "%w", trouble)
}

// rows puts the agents of the plane and the sessions of tmux together. A session of
// whom the plane does not know is shown with what it says of itself.
func rows(known []operational.Agent, talks map[town.Address]town.Conversation, live []agent.Signs) []row {
	all := make([]row, 0, len(known))
	at := map[string]int{}
	for _, a := range known {
		r := row{Agent: a.Address.String(), Kind: string(a.Address.Kind), Rig: a.Address.Rig, State: string(a.State), Bead: a.Bead,
			Since: a.Since, Preset: a.Preset, Why: a.Evidence}
		if talk, ok := talks[a.Address]; ok {
			r.Conversation = &talk
		}
		if !a.Beat.IsZero() {
			beat := a.Beat
			r.Sign = &beat
		}
		at[r.Agent] = len(all)
		all = append(all, r)
	}
	for _, s := range live {
		i, ok := at[s.Agent]
		if !ok {
			if s.Agent == "" {
				continue // a person's own, on the Town's server
			}
			r := row{Agent: s.Agent, State: "unknown", Since: s.Started}
			if a, err := town.ParseAddress(s.Agent); err == nil {
				r.Kind, r.Rig = string(a.Kind), a.Rig
			}
			i = len(all)
			all = append(all, r)
		}
		r := &all[i]
		r.Session, r.Preset = s.Name, cmp.Or(r.Preset, s.Preset)
		if output := s.Output; r.Sign == nil || output.After(*r.Sign) {
			r.Sign = &output
		}
		if s.Ended {
			r.Session += " (ended)"
		}
	}
	return all
}

func (o *options) presets(context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	all, err := h.Presets()
	if err != nil {
		return err
	}
	return o.call.Show(all, func(p *term.Printer) {
		var cells [][]string
		for _, a := range all {
			cells = append(cells, []string{a.Name, cmp.Or(a.Seen, "-"), a.Command[0], a.Help})
		}
		p.Table([]string{"PRESET", "SEEN ON", "COMMAND", "WHAT"}, cells)
	})
}
