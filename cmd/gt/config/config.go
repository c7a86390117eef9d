// Package config is the command group gt config: the Town's settings.
package config

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town/config"
	"gastown/town/layout"
)

// configOptions are the options of gt config.
type configOptions struct {
	call       *shell.Call
	key, value string
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("config", "The Town's settings: gt config KEY prints one, gt config KEY VALUE gives it a value.").
		HelpLong(shell.Examples("gt config list", "gt config cache.ttl", "gt config cache.ttl 300", `gt config actor "Ada <ada@example.com>"`, "gt config unset cache.ttl"))
	p.Add(g, shell.Command{
		Name: "key", Default: true, Help: "Print a setting, or give it a value: gt config KEY [VALUE].", Hidden: true,
		Examples: []string{"gt config cache.ttl", "gt config cache.ttl 300", "gt config.cache.ttl 300"},
		Planes:   []string{layout.Operational}, Permission: shell.MayReadTown, WritesWith: []string{"value"}, WritePermission: shell.MayAdminTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &configOptions{call: call}
			o.keyArg(c, "The setting; gt config list shows all.")
			c.Arg("value", "Its new value.").PlaceHolder("VALUE").StringVar(&o.value)
			return o.either
		},
	})
	p.Add(g, shell.Command{
		Name: "list", Help: "List every setting, with its value and where that comes from.",
		Examples: []string{"gt config list", "gt config list --json"},
		Planes:   []string{layout.Operational}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&configOptions{call: call}).list },
	})
	p.Add(g, shell.Command{
		Name: "get", Help: "Print one setting.", Examples: []string{"gt config get polecat.max_memory"},
		Planes: []string{layout.Operational}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &configOptions{call: call}
			o.keyArg(c, "The setting.")
			return o.get
		},
	})
	p.Add(g, shell.Command{
		Name: "set", Help: "Give a setting a value.", Examples: []string{"gt config set polecat.max_memory 8GB"},
		Permission: shell.MayAdminTown, Writes: true, Repeatable: true, MayBeEmpty: []string{"value"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &configOptions{call: call}
			o.keyArg(c, "The setting.")
			c.Arg("value", "Its new value.").Required().PlaceHolder("VALUE").StringVar(&o.value)
			return o.set
		},
	})
	p.Add(g, shell.Command{
		Name: "unset", Help: "Return a setting to its default.", Examples: []string{"gt config unset cache.ttl"},
		Permission: shell.MayAdminTown, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &configOptions{call: call}
			o.keyArg(c, "The setting.")
			return o.unset
		},
	})
}

// keyArg describes the argument that names a setting.
func (o *configOptions) keyArg(c *kingpin.CmdClause, help string) {
	c.Arg("key", help).Required().PlaceHolder("KEY").HintAction(settings.Names).StringVar(&o.key)
}

func (o *configOptions) either(ctx context.Context) error {
	if o.value == "" {
		return o.get(ctx)
	}
	return o.set(ctx)
}

func (o *configOptions) get(ctx context.Context) error {
	h, err := o.inForce(ctx)
	if err != nil {
		return err
	}
	out, err := settings.Get(h.Config, o.key)
	if err != nil {
		return err
	}
	return o.call.Show(out, func(p *term.Printer) { p.Line("%s", out.Value) })
}

func (o *configOptions) set(ctx context.Context) error {
	return o.change(ctx, func(h *host.Host, c *config.Config) error {
		if err := settings.Set(c, o.key, o.value); err != nil {
			return err
		}
		if o.call.Foreign {
			return nil // it would look at what another user names
		}
		return host.CheckSetting(h.Layout, o.key, o.value)
	})
}

func (o *configOptions) unset(ctx context.Context) error {
	return o.change(ctx, func(_ *host.Host, c *config.Config) error { return settings.Unset(c, o.key) })
}

func (o *configOptions) change(ctx context.Context, fn func(*host.Host, *config.Config) error) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	if err := h.Change(ctx, func(c *config.Config) error { return fn(h, c) }); err != nil {
		return err
	}
	out, err := settings.Get(h.Config, o.key)
	if err != nil {
		return err
	}
	return o.call.Summary(out, func(p *term.Printer) { out.Say(p) })
}

// inForce opens the Town with the values that gt autotune has put in force.
func (o *configOptions) inForce(ctx context.Context) (*host.Host, error) {
	h, err := host.Open(o.call)
	if err != nil {
		return nil, err
	}
	if on, err := h.Config.Bool("autotune.enabled"); err != nil || !on {
		return h, err
	}
	if _, err := h.Tuned(ctx); err != nil {
		o.call.Hint("what gt autotune changed is not shown: %v", err)
	}
	return h, nil
}

func (o *configOptions) list(ctx context.Context) error {
	h, err := o.inForce(ctx)
	if err != nil {
		return err
	}
	out, err := settings.List(h.Config)
	if err != nil {
		return err
	}
	return o.call.Show(out, func(p *term.Printer) { settings.SayAll(p, out) })
}
