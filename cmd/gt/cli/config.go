package cli

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/settings"
	"gastown/town/config"
)

// configOptions are those of gt config.
type configOptions struct {
	app        *App
	key, value string
}

func (a *App) configureConfig(p *kingpin.Application) {
	g := p.Command("config", "The Town's settings: gt config KEY prints one, gt config KEY VALUE gives it a value.").
		HelpLong(examples("gt config list", "gt config cache.ttl", "gt config cache.ttl 300", "gt config unset cache.ttl"))
	d := &configOptions{app: a}
	c := a.add(g, "key", "Print a setting, or give it a value: gt config KEY [VALUE].",
		examples("gt config cache.ttl", "gt config cache.ttl 300", "gt config.cache.ttl 300"), d.either).Default().Hidden()
	c.Arg("key", "The setting; gt config list shows all.").Required().PlaceHolder("KEY").HintAction(settings.Names).StringVar(&d.key)
	c.Arg("value", "Its new value.").PlaceHolder("VALUE").StringVar(&d.value)

	l := &configOptions{app: a}
	a.add(g, "list", "List every setting, with its value and where that comes from.", examples("gt config list", "gt config list --json"), l.list)

	one := &configOptions{app: a}
	a.add(g, "get", "Print one setting.", examples("gt config get polecat.max_memory"), one.get).
		Arg("key", "The setting.").Required().PlaceHolder("KEY").HintAction(settings.Names).StringVar(&one.key)

	s := &configOptions{app: a}
	c = a.add(g, "set", "Give a setting a value.", examples("gt config set polecat.max_memory 8GB"), s.set)
	c.Arg("key", "The setting.").Required().PlaceHolder("KEY").HintAction(settings.Names).StringVar(&s.key)
	c.Arg("value", "Its new value.").Required().PlaceHolder("VALUE").StringVar(&s.value)

	u := &configOptions{app: a}
	a.add(g, "unset", "Return a setting to its default.", examples("gt config unset cache.ttl"), u.unset).
		Arg("key", "The setting.").Required().PlaceHolder("KEY").HintAction(settings.Names).StringVar(&u.key)
}

func (o *configOptions) either(ctx context.Context) error {
	if o.value == "" {
		return o.get(ctx)
	}
	return o.set(ctx)
}

func (o *configOptions) get(context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	out, err := settings.Get(h.config, o.key)
	if err != nil {
		return err
	}
	return o.app.show(out, func(p *printer) { p.line("%s", out.Value) })
}

func (o *configOptions) set(ctx context.Context) error {
	return o.change(ctx, func(c *config.Config) error {
		return settings.Set(c, o.key, o.value)
	})
}

func (o *configOptions) unset(ctx context.Context) error {
	return o.change(ctx, func(c *config.Config) error { return c.Unset(o.key) })
}

func (o *configOptions) change(ctx context.Context, fn func(*config.Config) error) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	if err := h.change(ctx, fn); err != nil {
		return err
	}
	out, err := settings.Get(h.config, o.key)
	if err != nil {
		return err
	}
	return o.app.summary(out, func(p *printer) { out.Say(p.Printer) })
}

func (o *configOptions) list(context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	out, err := settings.List(h.config)
	if err != nil {
		return err
	}
	return o.app.show(out, func(p *printer) { settings.SayAll(p.Printer, out) })
}
