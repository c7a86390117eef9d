// Package autotune is the command group gt autotune: it switches the adjustment of settings
// on and off, shows what was changed and why, and takes changes back.
package autotune

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/deacon/control"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// enabledKey is the setting that enable and disable change.
const enabledKey = "autotune.enabled"

// options are those of the group.
type options struct {
	call  *shell.Call
	value string
	id    string
}

// Commands adds gt autotune to a program.
func Commands(p *shell.Program) {
	g := p.Command("autotune", "Adjust pool, cache and concurrency by what is measured, within bounds; settings that you made stay.").HelpLong(shell.Examples(
		"gt autotune enable", "gt autotune status", "gt autotune undo", "gt config autotune.interval 1h", "gt config autotune.scope dolt,cache"))
	for _, c := range []struct{ name, help, value string }{
		{"enable", "Let the Deacon try one change at a time, and keep it if it helps.", "true"},
		{"disable", "Stop. The settings are what the configuration says again.", "false"},
	} {
		p.Add(g, shell.Command{
			Name: c.name, Help: c.help, Examples: []string{"gt autotune " + c.name},
			Permission: shell.MayAdminTown, Writes: true, Repeatable: true,
			Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
				return (&options{call: call, value: c.value}).set
			},
		})
	}
	p.Add(g, shell.Command{
		Name: "status", Help: "Show what may be changed within which bounds, what was changed and why, and what came of it.", Default: true,
		Examples: []string{"gt autotune status", "gt autotune status --json"},
		Planes:   []string{layout.Operational}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&options{call: call}).status },
	})
	p.Add(g, shell.Command{
		Name: "undo", Help: "Take a change back, and later ones of the same setting: the newest that is in force, or the one of a number.",
		Examples: []string{"gt autotune undo", "gt autotune undo 7"},
		Planes:   []string{layout.Operational}, Permission: shell.MayAdminTown, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Arg("number", "The change's number, as gt autotune status shows it.").PlaceHolder("N").StringVar(&o.id)
			return o.undo
		},
	})
}

func (o *options) set(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	if err := h.Change(ctx, func(c *config.Config) error { return settings.Set(c, enabledKey, o.value) }); err != nil {
		return err
	}
	if on, err := h.Config.Bool("monitor.performance"); err == nil && !on && o.value == "true" {
		o.call.Hint("nothing is measured while monitor.performance is false: gt monitor enable --type=performance")
	}
	out, err := settings.Get(h.Config, enabledKey)
	if err != nil {
		return err
	}
	return o.call.Summary(out, func(p *term.Printer) { out.Say(p) })
}

func (o *options) undo(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	undone := []operational.Tuning{}
	err = h.Rows(ctx, func(s *operational.Store) error {
		all, err := s.Tunings(ctx)
		if err != nil {
			return err
		}
		list, err := o.chosen(all)
		if err != nil {
			return err
		}
		for _, c := range list {
			counted, err := s.SettleTuning(ctx, c, operational.TuningUndone, c.Since, "undone by "+h.Actor.Name, h.Actor.Name, o.call.Now())
			if err != nil {
				return err
			}
			if counted {
				undone = append(undone, c)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := o.apply(ctx, h); err != nil {
		o.call.Hint("the Deacon uses the former value after its next look: %v", err)
	}
	return shell.ErrAppliedUnprinted(o.call.Summary(undone, func(p *term.Printer) {
		for _, c := range undone {
			p.Line("%s is %s again; it is left alone for 30 days", c.Setting, c.From)
		}
	}))
}

// chosen are the changes to undo, the newest first.
func (o *options) chosen(all []operational.Tuning) (list []operational.Tuning, err error) {
	const op, next = "undo a change", "gt autotune status lists the changes"
	var id int64
	if o.id != "" {
		if id, err = strconv.ParseInt(o.id, 10, 64); err != nil || id <= 0 {
			return nil, town.Fail(op, next, "%w: %q is not the number of a change", town.ErrUsage, town.Clip(o.id, 40))
		}
	}
	first := -1
	for i, c := range all {
		if c.State.InForce() && (id == 0 || c.ID == id) {
			first = i
		}
	}
	if first < 0 {
		why := "no change is in force"
		if id > 0 {
			why = fmt.Sprintf("change %d is not in force", id)
		}
		return nil, town.Fail(op, next, "%w: %s", town.ErrRefused, why)
	}
	for i := len(all) - 1; i >= first; i-- {
		if c := all[i]; c.State.InForce() && c.Setting == all[first].Setting {
			list = append(list, c)
		}
	}
	return list, nil
}

// apply lets the Deacon put in force what the rows say, if one runs and tunes.
func (o *options) apply(ctx context.Context, h *host.Host) error {
	on, err := h.Config.Bool(enabledKey)
	if err != nil || !on {
		return err
	}
	client, _, err := host.Reach(ctx, h.Layout, "undo a change")
	if errors.Is(err, control.ErrNoDeacon) {
		return nil
	}
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, o.call.Wait)
	defer cancel()
	_, err = client.Run(ctx, "tune")
	return err
}
