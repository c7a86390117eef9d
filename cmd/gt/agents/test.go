package agents

import (
	"context"
	"errors"
	"os"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/agent"
)

// line is what gt agents test hands over.
const line = "This is a test of the terminal. Answer with one word: ready. Change nothing and run nothing."

// tested is what gt agents test saw.
type tested struct {
	Preset string       `json:"preset"`
	Ready  bool         `json:"ready"`
	Handed agent.Handed `json:"handed"`
	// Trouble is why it did not become ready; Screen is what was seen last.
	Trouble string   `json:"trouble,omitempty"`
	State   string   `json:"state"`
	Screen  []string `json:"screen"`
}

func (o *options) test(ctx context.Context) (err error) {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	t, err := h.Sessions()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(h.Layout.Sessions(), 0o700); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(h.Layout.Sessions(), "test-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	most, _, err := h.SessionLimits("")
	if err != nil {
		return err
	}
	s, err := t.Start(ctx, agent.Start{Agent: "agents-test/crew/" + o.preset, Preset: o.preset, Dir: scratch, Limits: most})
	if err != nil {
		return err
	}
	// It ends also when the command was interrupted.
	defer func() { err = errors.Join(err, s.End(context.WithoutCancel(ctx))) }()
	out := tested{Preset: o.preset}
	o.call.Progress().Wait(o.preset + " to be ready")
	waiting, cancel := context.WithTimeout(ctx, o.timeout)
	look, trouble := agent.AwaitReady(waiting, s)
	cancel()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if out.Ready = trouble == nil; out.Ready {
		if out.Handed, err = s.HandOver(ctx, 0, line); err != nil {
			return err
		}
		if look, err = s.Look(ctx, 0); err != nil {
			return err
		}
	} else {
		out.Trouble = town.Plain(trouble.Error())
	}
	out.State, out.Screen = string(look.State), look.Lines
	err = o.call.Show(out, func(p *term.Printer) {
		for i, l := range out.Screen {
			if l != "" || i > 0 && out.Screen[i-1] != "" {
				p.Line("  %s", l)
			}
		}
		switch {
		case !out.Ready:
			p.Styled(term.Bad, "%s: %s", o.preset, out.Trouble)
		case out.Handed.Result == agent.Confirmed:
			p.Styled(term.Good, "%s became ready, and took the line: %s", o.preset, out.Handed.Result)
		default:
			p.Styled(term.Bad, "%s became ready; the line: %s: %s", o.preset, out.Handed.Result, out.Handed.Why)
		}
	})
	if err == nil && !out.Ready {
		return town.Fail("test "+o.preset, "start it by hand, answer what it asks, and try again", "%w", trouble)
	}
	return err
}
