package cli

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/town/config"
)

// configOptions are those of gt config.
type configOptions struct {
	app        *App
	key, value string
}

// setting is one setting for printing.
type setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Source  string `json:"source"`
	Default string `json:"default"`
	Type    string `json:"type"`
	Unit    string `json:"unit,omitempty"`
	Env     string `json:"env,omitempty"`
	Help    string `json:"help"`
}

func (a *App) configureConfig(p *kingpin.Application) {
	g := p.Command("config", "The Town's settings: gt config KEY prints one, gt config KEY VALUE gives it a value.").
		HelpLong(examples("gt config list", "gt config cache.ttl", "gt config cache.ttl 300", "gt config unset cache.ttl"))
	d := &configOptions{app: a}
	c := a.add(g, "key", "Print a setting, or give it a value: gt config KEY [VALUE].",
		examples("gt config cache.ttl", "gt config cache.ttl 300", "gt config.cache.ttl 300"), d.either).Default().Hidden()
	c.Arg("key", "The setting; gt config list shows all.").Required().PlaceHolder("KEY").HintAction(hintKeys).StringVar(&d.key)
	c.Arg("value", "Its new value.").PlaceHolder("VALUE").StringVar(&d.value)

	l := &configOptions{app: a}
	a.add(g, "list", "List every setting, with its value and where that comes from.", examples("gt config list", "gt config list --json"), l.list)

	one := &configOptions{app: a}
	a.add(g, "get", "Print one setting.", examples("gt config get polecat.max_memory"), one.get).
		Arg("key", "The setting.").Required().PlaceHolder("KEY").HintAction(hintKeys).StringVar(&one.key)

	s := &configOptions{app: a}
	c = a.add(g, "set", "Give a setting a value.", examples("gt config set polecat.max_memory 8GB"), s.set)
	c.Arg("key", "The setting.").Required().PlaceHolder("KEY").HintAction(hintKeys).StringVar(&s.key)
	c.Arg("value", "Its new value.").Required().PlaceHolder("VALUE").StringVar(&s.value)

	u := &configOptions{app: a}
	a.add(g, "unset", "Return a setting to its default.", examples("gt config unset cache.ttl"), u.unset).
		Arg("key", "The setting.").Required().PlaceHolder("KEY").HintAction(hintKeys).StringVar(&u.key)
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
	out, err := newSetting(h.config, o.key)
	if err != nil {
		return err
	}
	return o.app.show(out, func(p *printer) { p.line("%s", out.Value) })
}

func (o *configOptions) set(ctx context.Context) error {
	return o.change(ctx, func(c *config.Config) error {
		_, err := c.Set(o.key, o.value)
		return err
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
	out, err := newSetting(h.config, o.key)
	if err != nil {
		return err
	}
	return o.app.summary(out, func(p *printer) {
		switch config.Source(out.Source) {
		case config.SourceEnv:
			p.line("%s is stored; now %s in the environment says %s", out.Key, out.Env, out.Value)
		case config.SourceDefault:
			p.line("%s is %s, the default", out.Key, out.Value)
		default:
			p.line("%s is %s", out.Key, out.Value)
		}
	})
}

func (o *configOptions) list(context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	out := []setting{}
	for _, k := range config.Keys() {
		s, err := newSetting(h.config, k.Name)
		if err != nil {
			return err
		}
		out = append(out, s)
	}
	return o.app.show(out, func(p *printer) {
		var rows [][]string
		for _, s := range out {
			rows = append(rows, []string{s.Key, s.Value, s.Source, s.Help})
		}
		p.table([]string{"KEY", "VALUE", "SOURCE", ""}, rows)
	})
}

func newSetting(c *config.Config, name string) (setting, error) {
	key, err := config.Lookup(name)
	if err != nil {
		return setting{}, err
	}
	value, source, err := c.Get(name)
	return setting{
		Key: key.Name, Value: value, Source: string(source), Default: key.Default, Type: string(key.Type),
		Unit: key.Unit, Env: key.Env, Help: key.Help,
	}, err
}

// hintKeys completes names of settings.
func hintKeys() []string {
	var all []string
	for _, k := range config.Keys() {
		all = append(all, k.Name)
	}
	return all
}
