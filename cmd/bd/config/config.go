// Package config is the command group bd config: the Town's settings.
package config

import (
	"context"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/config"
)

// prefixKey is the setting for the prefix of ids of beads outside of rigs.
const prefixKey = "bd.prefix"

// configOptions are those of bd config.
type configOptions struct {
	call       *shell.Call
	key, value string
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("config", "The Town's settings, as gt config has them.").HelpLong(shell.Examples("bd config list", "bd config get bd.prefix", "bd config set bd.max_concurrent 20"))
	p.Add(g, shell.Command{
		Name: "list", Help: "List every setting, with its value and where that comes from.",
		Examples:   []string{"bd config list", "bd config list --json"},
		Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return (&configOptions{call: call}).list
		},
	})
	p.Add(g, shell.Command{
		Name: "get", Help: "Print one setting.",
		Examples:   []string{"bd config get bd.prefix"},
		Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &configOptions{call: call}
			o.keyArg(c)
			return o.get
		},
	})
	p.Add(g, shell.Command{
		Name: "set", Help: "Give a setting a value.",
		Examples:   []string{"bd config set bd.prefix gt", "bd config set issue_prefix gt"},
		Permission: shell.MayAdminTown, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &configOptions{call: call}
			o.keyArg(c)
			c.Arg("value", "Its new value.").Required().PlaceHolder("VALUE").StringVar(&o.value)
			return o.set
		},
	})
	p.Add(g, shell.Command{
		Name: "unset", Help: "Return a setting to its default.",
		Examples:   []string{"bd config unset bd.prefix"},
		Permission: shell.MayAdminTown, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &configOptions{call: call}
			o.keyArg(c)
			return o.unset
		},
	})
}

func (o *configOptions) keyArg(c *kingpin.CmdClause) {
	c.Arg("key", "The setting.").Required().PlaceHolder("KEY").HintAction(settings.Names).StringVar(&o.key)
}

// name returns the setting's name. The public bd calls the prefix issue_prefix.
func (o *configOptions) name() string {
	if k := strings.ReplaceAll(o.key, "-", "_"); k == "issue_prefix" || k == "prefix" {
		return prefixKey
	}
	return o.key
}

func (o *configOptions) load() (*config.Config, error) {
	t, err := o.call.FindTown()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(t.Config())
	if err != nil {
		return nil, err
	}
	return cfg.In(o.call.Getenv), nil
}

func (o *configOptions) list(context.Context) error {
	c, err := o.load()
	if err != nil {
		return err
	}
	all, err := settings.List(c)
	if err != nil {
		return err
	}
	return o.call.Show(all, func(p *term.Printer) { settings.SayAll(p, all) })
}

func (o *configOptions) get(context.Context) error {
	c, err := o.load()
	if err != nil {
		return err
	}
	out, err := settings.Get(c, o.name())
	if err != nil {
		return err
	}
	return o.call.Show(out, func(p *term.Printer) { p.Line("%s", out.Value) })
}

func (o *configOptions) set(ctx context.Context) error {
	return o.change(ctx, func(c *config.Config) error {
		value := o.value
		if o.name() == prefixKey {
			value = strings.TrimSuffix(value, "-")
			if err := town.CheckPrefix(value); err != nil {
				return town.Fail("set "+prefixKey, "bd config set bd.prefix gt", "%w: %w", town.ErrUsage, err)
			}
		}
		return settings.Set(c, o.name(), value)
	})
}

func (o *configOptions) unset(ctx context.Context) error {
	return o.change(ctx, func(c *config.Config) error { return c.Unset(o.name()) })
}

func (o *configOptions) change(ctx context.Context, fn func(*config.Config) error) error {
	t, err := o.call.FindTown()
	if err != nil {
		return err
	}
	c, err := settings.Change(ctx, o.call, t, fn)
	if err != nil {
		return err
	}
	out, err := settings.Get(c.In(o.call.Getenv), o.name())
	if err != nil {
		return err
	}
	return o.call.Changed(out, out.Say)
}
