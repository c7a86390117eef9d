package cli

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

// prefixKey is the setting that begins the ids of beads outside of rigs.
const prefixKey = "bd.prefix"

// configOptions are those of bd config.
type configOptions struct {
	app        *App
	key, value string
}

func (a *App) configureConfig(p *kingpin.Application) {
	g := p.Command("config", "The Town's settings, as gt config has them.").
		HelpLong(examples("bd config list", "bd config get bd.prefix", "bd config set bd.max_concurrent 20"))
	l := &configOptions{app: a}
	a.add(g, "list", "List every setting, with its value and where that comes from.", examples("bd config list", "bd config list --json"), l.list)
	one := &configOptions{app: a}
	one.keyArg(a.add(g, "get", "Print one setting.", examples("bd config get bd.prefix"), one.get))
	s := &configOptions{app: a}
	c := a.add(g, "set", "Give a setting a value.", examples("bd config set bd.prefix gt", "bd config set issue_prefix gt"), s.set)
	s.keyArg(c)
	c.Arg("value", "Its new value.").Required().PlaceHolder("VALUE").StringVar(&s.value)
	u := &configOptions{app: a}
	u.keyArg(a.add(g, "unset", "Return a setting to its default.", examples("bd config unset bd.prefix"), u.unset))
}

func (o *configOptions) keyArg(c *kingpin.CmdClause) {
	c.Arg("key", "The setting.").Required().PlaceHolder("KEY").HintAction(settings.Names).StringVar(&o.key)
}

// name is the setting that is meant: people of bd call the prefix issue_prefix.
func (o *configOptions) name() string {
	if k := strings.ReplaceAll(o.key, "-", "_"); k == "issue_prefix" || k == "prefix" {
		return prefixKey
	}
	return o.key
}

func (o *configOptions) load() (*config.Config, error) {
	t, err := shell.FindTown(o.app.Dir, o.app.Town)
	if err != nil {
		return nil, err
	}
	return config.Load(t.Config())
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
	return o.app.show(all, func(p *term.Printer) { settings.SayAll(p, all) })
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
	return o.app.show(out, func(p *term.Printer) { p.Line("%s", out.Value) })
}

func (o *configOptions) set(ctx context.Context) error {
	return o.change(ctx, func(c *config.Config) error {
		value := o.value
		if o.name() == prefixKey {
			value = strings.TrimSuffix(value, "-")
			if err := town.CheckPrefix(value); err != nil {
				return town.Fail("set "+prefixKey, "", "%w: %w", town.ErrUsage, err)
			}
		}
		_, err := c.Set(o.name(), value)
		return err
	})
}

func (o *configOptions) unset(ctx context.Context) error {
	return o.change(ctx, func(c *config.Config) error { return c.Unset(o.name()) })
}

func (o *configOptions) change(ctx context.Context, fn func(*config.Config) error) error {
	t, err := shell.FindTown(o.app.Dir, o.app.Town)
	if err != nil {
		return err
	}
	c, err := settings.Change(ctx, t, o.app.running, o.app.Wait, fn)
	if err != nil {
		return err
	}
	out, err := settings.Get(c, o.name())
	if err != nil {
		return err
	}
	return o.app.summary(out, out.Say)
}
