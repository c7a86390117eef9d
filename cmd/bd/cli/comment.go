package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// commentOptions are those of bd comment.
type commentOptions struct {
	app   *App
	id    string
	words []string
	file  string
}

func (a *App) configureComment(p *kingpin.Application) {
	g := p.Command("comment", "What people say about a bead.").HelpLong(examples(
		`bd comment add gt-a3f8x "Seen on 32 bit only"`, "bd comment list gt-a3f8x"))
	g.Alias("comments")

	add := &commentOptions{app: a}
	c := a.add(g, "add", "Say something about a bead.", examples(
		`bd comment add gt-a3f8x "Seen on 32 bit only"`, "bd comment add gt-a3f8x --file notes.txt", "make 2>&1 | bd comment add gt-a3f8x -f -"), add.add)
	c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&add.id)
	c.Arg("text", "What to say.").PlaceHolder("TEXT").StringsVar(&add.words)
	c.Flag("file", "Read it from a file, - for standard input.").Short('f').PlaceHolder("FILE").StringVar(&add.file)

	list := &commentOptions{app: a}
	a.add(g, "list", "What was said about a bead, oldest first.", examples("bd comment list gt-a3f8x", "bd comment list gt-a3f8x --json"), list.list).
		Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&list.id)

	// Habits: bd comment ID TEXT adds, bd comments ID lists.
	either := &commentOptions{app: a}
	c = a.add(g, "either", "bd comment ID TEXT adds, bd comment ID lists.", examples(`bd comment gt-a3f8x "Seen again"`), either.either).Hidden().Default()
	c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&either.id)
	c.Arg("text", "What to say.").PlaceHolder("TEXT").StringsVar(&either.words)
}

func (o *commentOptions) either(ctx context.Context) error {
	if len(o.words) == 0 {
		return o.list(ctx)
	}
	return o.add(ctx)
}

func (o *commentOptions) add(ctx context.Context) error {
	op := "comment on " + town.Clip(o.id, 80)
	text := strings.Join(o.words, " ")
	if o.file != "" {
		if text != "" {
			return failed(op, fmt.Errorf("%w: give TEXT or --file, not both", town.ErrUsage))
		}
		var err error
		if text, err = o.app.readText(o.file, town.MaxTextBytes); err != nil {
			return failed(op, err)
		}
	}
	if strings.TrimSpace(text) == "" {
		return failed(op, fmt.Errorf("%w: say something: bd comment add ID TEXT", town.ErrUsage))
	}
	var made town.Comment
	err := o.app.with(ctx, func(d *desk) error {
		return d.full(ctx, []string{o.id}, func(ids []string) (err error) {
			made, err = d.Comment(ctx, ids[0], text)
			return err
		})
	})
	if err != nil {
		return failed(op, err)
	}
	return o.app.summary(made, o.app.said("commented on %s", made.Bead))
}

func (o *commentOptions) list(ctx context.Context) error {
	comments := []town.Comment{}
	err := o.app.reading(ctx, func(r reader) error {
		list, err := r.Get(ctx, []string{o.id}, ledger.Fields{"comments"})
		if err == nil {
			comments = append(comments, list[0].Comments...)
		}
		return err
	})
	if err != nil {
		return failed("list the comments on "+town.Clip(o.id, 80), err)
	}
	return o.app.show(comments, func(p *term.Printer) {
		for _, c := range comments {
			sayComment(p, c)
		}
	})
}
