package cli

import (
	"context"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/config"
)

// remoteOptions are those of gt federation remote.
type remoteOptions struct {
	app       *App
	name, url string
}

// remoteEntry is a remote for printing.
type remoteEntry struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

func (a *App) configureRemote(fed *kingpin.CmdClause) {
	g := fed.Command("remote", "The Git repositories this Town exchanges with.")
	l := &remoteOptions{app: a}
	a.add(g, "list", "List them.", examples("gt federation remote list"), l.list).Default()

	n := &remoteOptions{app: a}
	c := a.add(g, "add", "Add one. Nothing is exchanged before gt federation init or join has shown what would leave.",
		examples("gt federation remote add backup ssh://git@example.com/town.git", "gt federation join ssh://git@example.com/town.git --name backup"), n.add)
	c.Arg("name", "What to call it.").Required().PlaceHolder("NAME").StringVar(&n.name)
	c.Arg("url", "A path, an https or ssh URL, or USER@HOST:PATH.").Required().PlaceHolder("URL").StringVar(&n.url)

	r := &remoteOptions{app: a}
	c = a.add(g, "remove", "Forget one. The repository, and what was exchanged with it, stay as they are.",
		examples("gt federation remote remove backup"), r.remove)
	c.Arg("name", "Its name.").Required().PlaceHolder("NAME").HintAction(a.hintRemotes).StringVar(&r.name)
}

func (o *remoteOptions) list(context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	out := []remoteEntry{}
	for _, r := range h.config.Remotes {
		out = append(out, remoteEntry(r))
	}
	return o.app.show(out, func(p *printer) {
		var rows [][]string
		for _, r := range out {
			rows = append(rows, []string{r.Name, r.URL})
		}
		if len(rows) > 0 {
			p.table([]string{"NAME", "URL"}, rows)
		}
	})
}

func (o *remoteOptions) add(ctx context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	r, err := newRemote(h, o.name, o.url, false)
	if err != nil {
		return err
	}
	err = h.change(ctx, func(c *config.Config) error {
		c.Remotes = append(c.Remotes, config.Remote(r))
		return nil
	})
	if err != nil {
		return err
	}
	return o.app.summary(remoteEntry(r), func(p *printer) {
		p.line("remote %s is %s", r.Name, r.URL)
		p.line("  confirm it with: gt federation init (first Town) or join, the URL, and --name %s", r.Name)
	})
}

func (o *remoteOptions) remove(ctx context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	// First, so that an interruption leaves a remote that asks, not one that
	// comes back agreed to.
	if r, ok := h.config.Remote(o.name); ok {
		if err := h.engine.Forget(ctx, federate.Remote(r)); err != nil {
			return err
		}
	}
	var gone remoteEntry
	err = h.change(ctx, func(c *config.Config) error {
		i := slices.IndexFunc(c.Remotes, func(r config.Remote) bool { return r.Name == o.name })
		if i < 0 {
			return town.Fail("remove the remote "+town.Clip(o.name, 64), "gt federation remote list shows them", "%w: there is none of that name", town.ErrUsage)
		}
		gone = remoteEntry(c.Remotes[i])
		c.Remotes = slices.Delete(c.Remotes, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	return o.app.summary(gone, func(p *printer) { p.line("remote %s (%s) is forgotten here", gone.Name, gone.URL) })
}

// hintRemotes completes names of remotes.
func (a *App) hintRemotes() []string {
	h, err := a.open()
	if err != nil {
		return nil
	}
	var all []string
	for _, r := range h.config.Remotes {
		all = append(all, r.Name)
	}
	return all
}
