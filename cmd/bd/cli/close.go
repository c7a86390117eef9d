package cli

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/town"
)

// closeOptions are those of bd close and bd reopen.
type closeOptions struct {
	app    *App
	ids    []string
	reason string
}

func (a *App) configureClose(p *kingpin.Application) {
	o := &closeOptions{app: a}
	c := a.add(p, "close", "Close beads, all or none.", examples(
		"bd close gt-a3f8x", `bd close gt-a3f8x gt-b7151 --reason "merged in 4f2a"`, "bd close gt-a3f8x --json"), o.close)
	c.Alias("done")
	c.Arg("id", "Ids; a unique beginning is enough.").Required().PlaceHolder("ID").StringsVar(&o.ids)
	c.Flag("reason", "Why.").Short('r').PlaceHolder("TEXT").StringVar(&o.reason)

	r := &closeOptions{app: a}
	c = a.add(p, "reopen", "Open closed beads again, all or none; others stay as they are.", examples(
		"bd reopen gt-a3f8x", `bd reopen gt-a3f8x --reason "fails again on 32 bit"`), r.reopen)
	c.Arg("id", "Ids; a unique beginning is enough.").Required().PlaceHolder("ID").StringsVar(&r.ids)
	c.Flag("reason", "Why; kept as a comment.").Short('r').PlaceHolder("TEXT").StringVar(&r.reason)
}

func (o *closeOptions) close(ctx context.Context) error {
	return o.move(ctx, "close", "closed", func(d *desk, ids []string) ([]town.Bead, error) {
		return d.CloseBeads(ctx, ids, o.reason)
	})
}

func (o *closeOptions) reopen(ctx context.Context) error {
	return o.move(ctx, "reopen", "opened again", func(d *desk, ids []string) ([]town.Bead, error) {
		if o.reason != "" {
			return d.ReopenBecause(ctx, ids, o.reason)
		}
		return d.Reopen(ctx, ids)
	})
}

func (o *closeOptions) move(ctx context.Context, verb, done string, fn func(*desk, []string) ([]town.Bead, error)) error {
	var changed []town.Bead
	err := o.app.with(ctx, func(d *desk) error {
		return d.full(ctx, o.ids, func(ids []string) (err error) {
			changed, err = fn(d, ids)
			return err
		})
	})
	if err != nil {
		return failed(verb+" "+some(o.ids), err)
	}
	return o.app.changed(done, changed)
}
