package cli

import (
	"context"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
)

func (a *App) configureReady(p *kingpin.Application) {
	o := &listOptions{app: a, ready: true}
	c := a.add(p, "ready", "List what can be taken up: open, not deferred, waiting for nothing.", examples(
		"bd ready", "bd ready -n 1 --json", "bd ready -a none -t bug"), o.run)
	o.filters.flags(c)
	c.Flag("fields", "Read and print these fields only.").PlaceHolder("NAME,...").IsSetByUser(&o.picks).StringVar(&o.fields)

	b := &blockedOptions{app: a}
	c = a.add(p, "blocked", "List what waits, and for what.", examples("bd blocked", "bd blocked --json", "bd blocked -a ada"), b.run)
	b.filters.flags(c)
}

// blockedOptions are those of bd blocked.
type blockedOptions struct {
	app     *App
	filters filters
}

func (o *blockedOptions) run(ctx context.Context) error {
	const op = "list what is blocked"
	f, err := o.filters.build(o.app.Now(), true)
	if err != nil {
		return failed(op, err)
	}
	limit := f.Limit
	if limit > 0 {
		f.Limit++ // one more, to tell that there are more
	}
	list := []ledger.Waiting{}
	err = o.app.reading(ctx, func(r reader) error {
		f, err := located(ctx, r, f)
		if err != nil {
			return err
		}
		got, err := r.Blocked(ctx, f)
		list = append(list, got...)
		return err
	})
	if err != nil {
		return failed(op, err)
	}
	if limit > 0 && len(list) > limit {
		list = list[:limit]
		o.app.more(limit)
	}
	return o.app.show(list, func(p *term.Printer) {
		for _, w := range list {
			sayBead(p, "", w.Bead, "")
			why := "its parent waits"
			if len(w.BlockedBy) > 0 {
				why = "waits for " + strings.Join(w.BlockedBy, ", ")
			}
			p.Styled(term.Dim, "%s", p.Fit("    "+why))
		}
		if !o.app.Quiet {
			p.Styled(term.Dim, "%s", term.Plural(len(list), "bead waits", "beads wait"))
		}
	})
}
