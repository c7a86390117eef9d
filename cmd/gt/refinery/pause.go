package refinery

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
)

func pauseCommands(add adder) {
	add(shell.Command{
		Name: "pause", Help: "Let nothing be tested and nothing land. Requests are taken, and what others merge is seen.",
		Examples: []string{`gt refinery pause --rig=web --reason "release"`}, Permission: shell.MayAdminRefinery, Writes: true,
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("reason", "Why.").PlaceHolder("TEXT").StringVar(&o.reason)
		return func(ctx context.Context) error { return o.pause(ctx, true) }
	})
	add(shell.Command{
		Name: "resume", Help: "Go on after gt refinery pause.", Examples: []string{"gt refinery resume --rig=web"}, Permission: shell.MayAdminRefinery, Writes: true,
	}, func(o *options, _ *kingpin.CmdClause) shell.Action {
		return func(ctx context.Context) error { return o.pause(ctx, false) }
	})
}

// paused is what gt refinery pause and resume print.
type paused struct {
	Rig     string `json:"rig"`
	Paused  bool   `json:"paused"`
	Changed bool   `json:"changed"`
}

func (o *options) pause(ctx context.Context, pause bool) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	settings, err := o.settings(h)
	if err != nil {
		return err
	}
	all := []paused{}
	err = h.Rows(ctx, func(s *operational.Store) error {
		for _, r := range settings {
			changed, err := s.PauseRefinery(ctx, r.Name, pause, o.reason, h.Actor.Name, o.call.Now())
			if err != nil {
				return err
			}
			all = append(all, paused{r.Name, pause, changed})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return o.call.Changed(all, func(p *term.Printer) {
		for _, r := range all {
			word := map[bool]string{true: "is paused", false: "goes on"}[r.Paused]
			if !r.Changed {
				word += ", as before"
			}
			p.Line("%s %s", r.Rig, word)
		}
	})
}
