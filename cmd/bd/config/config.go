// Package config is the command group bd config: the Town's settings, and those of
// its ledger.
package config

import (
	"context"
	"errors"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/host"
	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// configOptions are those of bd config.
type configOptions struct {
	call       *shell.Call
	key, value string
	pairs      []string
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("config", "Settings of the Town, as gt config has them, and of its ledger.").
		HelpLong(shell.Examples("bd config list", "bd config set bd.max_concurrent 20", "bd config set status.custom awaiting_review,on_hold", "bd config set types.custom incident"))
	add := func(name, help string, write bool, examples []string, define func(*configOptions, *kingpin.CmdClause) shell.Action) {
		c := shell.Command{
			Name: name, Help: help, Examples: examples, Planes: []string{layout.Ledger},
			Permission: shell.MayReadTown, Repeatable: true,
			Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
				return define(&configOptions{call: call}, c)
			},
		}
		if write {
			c.Permission, c.Writes = shell.MayAdminTown, true
		}
		if name == "set" {
			c.MayBeEmpty = []string{"value"}
		}
		p.Add(g, c)
	}
	add("list", "List every setting, with its value and where that comes from.", false, []string{"bd config list", "bd config list --json"},
		func(o *configOptions, _ *kingpin.CmdClause) shell.Action { return o.list })
	add("get", "Print one setting.", false, []string{"bd config get bd.prefix", "bd config get status.custom"},
		func(o *configOptions, c *kingpin.CmdClause) shell.Action {
			o.keyArg(c)
			return o.get
		})
	add("set", "Give a setting a value.", true, []string{"bd config set bd.prefix gt", "bd config set status.custom awaiting_review,on_hold"},
		func(o *configOptions, c *kingpin.CmdClause) shell.Action {
			o.keyArg(c)
			c.Arg("value", "Its new value.").Required().PlaceHolder("VALUE").StringVar(&o.value)
			return o.set
		})
	add("set-many", "Give several settings of the ledger values, all or none.", true, []string{"bd config set-many jira.url=https://example.com jira.project=GT"},
		func(o *configOptions, c *kingpin.CmdClause) shell.Action {
			c.Arg("pair", "KEY=VALUE.").Required().PlaceHolder("KEY=VALUE").StringsVar(&o.pairs)
			return o.setMany
		})
	add("unset", "Return a setting to its default.", true, []string{"bd config unset bd.prefix"},
		func(o *configOptions, c *kingpin.CmdClause) shell.Action {
			o.keyArg(c)
			return o.unset
		})
}

func (o *configOptions) keyArg(c *kingpin.CmdClause) {
	c.Arg("key", "The setting.").Required().PlaceHolder("KEY").HintAction(settings.Names).StringVar(&o.key)
}

// name returns the setting's name. The public bd calls the prefix issue_prefix.
func (o *configOptions) name() string {
	if k := strings.ReplaceAll(o.key, "-", "_"); k == "issue_prefix" || k == "prefix" {
		return settings.BeadPrefix
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

func (o *configOptions) list(ctx context.Context) error {
	c, err := o.load()
	if err != nil {
		return err
	}
	all, err := settings.List(c)
	if err != nil {
		return err
	}
	stored, err := o.stored(ctx)
	if err != nil {
		return session.Fail("list the settings", err)
	}
	values := map[string]string{}
	for _, s := range all {
		values[s.Key] = s.Value
	}
	for _, s := range stored {
		values[s.Name] = s.Value
		all = append(all, settings.Setting{Key: s.Name, Value: s.Value, Source: "ledger", Help: ledgerHelp[s.Name]})
	}
	return o.call.Show(values, func(p *term.Printer) { settings.SayAll(p, all) })
}

func (o *configOptions) get(ctx context.Context) error {
	if inLedger(o.name()) {
		return o.getStored(ctx)
	}
	c, err := o.load()
	if err != nil {
		return err
	}
	out, err := settings.Get(c, o.name())
	if err != nil {
		return nameList(err)
	}
	return o.call.Show(out, func(p *term.Printer) { p.Line("%s", out.Value) })
}

// nameList makes bd config list the next step of an error about an unknown setting.
func nameList(err error) error {
	var e *town.Error
	if errors.As(err, &e) && strings.HasPrefix(e.Next, "gt config list") {
		return town.Fail(e.Op, strings.Replace(e.Next, "gt config list", "bd config list", 1), "%w", e.Err)
	}
	return err
}

func (o *configOptions) set(ctx context.Context) error {
	if inLedger(o.name()) {
		return o.setStored(ctx)
	}
	return o.change(ctx, func(t layout.Town, c *config.Config) error {
		value := o.value
		if o.name() == settings.BeadPrefix {
			value = strings.TrimSuffix(value, "-")
			if err := town.CheckPrefix(value); err != nil {
				return town.Fail("set "+settings.BeadPrefix, "bd config set bd.prefix NAME, such as gt", "%w: %w", town.ErrUsage, err)
			}
		}
		if err := settings.Set(c, o.name(), value); err != nil {
			return err
		}
		if o.call.Foreign {
			return nil // it would look at what another user names
		}
		return host.CheckSetting(t, o.name(), value)
	})
}

func (o *configOptions) unset(ctx context.Context) error {
	if inLedger(o.name()) {
		return o.unsetStored(ctx)
	}
	return o.change(ctx, func(_ layout.Town, c *config.Config) error { return c.Unset(o.name()) })
}

func (o *configOptions) change(ctx context.Context, fn func(layout.Town, *config.Config) error) error {
	t, err := o.call.FindTown()
	if err != nil {
		return err
	}
	c, err := settings.Change(ctx, o.call, t, func(c *config.Config) error { return fn(t, c) })
	if err != nil {
		return err
	}
	out, err := settings.Get(c.In(o.call.Getenv), o.name())
	if err != nil {
		return err
	}
	return o.call.Changed(out, out.Say)
}
