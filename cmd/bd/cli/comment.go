package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// commentOptions are those of bd comment.
type commentOptions struct {
	call  *shell.Call
	id    string
	words []string
	file  string
}

func commentGroup() group {
	return group{
		name: "comment", alias: "comments", help: "What people say about a bead.",
		examples: []string{`bd comment add gt-a3f8x "Seen on 32 bit only"`, "bd comment list gt-a3f8x"},
		commands: []shell.Command{{
			Name: "add", Help: "Say something about a bead.",
			Examples: []string{`bd comment add gt-a3f8x "Seen on 32 bit only"`, "bd comment add gt-a3f8x --file notes.txt", "make 2>&1 | bd comment add gt-a3f8x -f -"},
			Planes:   ledgerPlane, Permission: canWrite, Writes: true,
			Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
				o := &commentOptions{call: call}
				o.args(c)
				c.Flag("file", "Read it from a file, - for standard input.").Short('f').PlaceHolder("FILE").StringVar(&o.file)
				return o.add
			},
		}, {
			Name: "list", Help: "What was said about a bead, oldest first.",
			Examples: []string{"bd comment list gt-a3f8x", "bd comment list gt-a3f8x --json"},
			Planes:   ledgerPlane, Permission: canRead,
			Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
				o := &commentOptions{call: call}
				c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.id)
				return o.list
			},
		}, {
			// Habits: bd comment ID TEXT adds, bd comments ID lists.
			Name: "either", Hidden: true, Help: "bd comment ID TEXT adds, bd comment ID lists.",
			Examples: []string{`bd comment gt-a3f8x "Seen again"`},
			Planes:   ledgerPlane, Permission: canWrite, Writes: true,
			Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
				o := &commentOptions{call: call}
				o.args(c.Default())
				return o.either
			},
		}},
	}
}

func (o *commentOptions) args(c *kingpin.CmdClause) {
	c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.id)
	c.Arg("text", "What to say.").PlaceHolder("TEXT").StringsVar(&o.words)
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
		if text, err = readText(o.call, o.file, town.MaxTextBytes); err != nil {
			return failed(op, err)
		}
	}
	if strings.TrimSpace(text) == "" {
		return failed(op, fmt.Errorf("%w: say something: bd comment add ID TEXT", town.ErrUsage))
	}
	var made town.Comment
	err := with(ctx, o.call, func(d *desk) error {
		return d.full(ctx, []string{o.id}, func(ids []string) (err error) {
			made, err = d.Comment(ctx, ids[0], text)
			return err
		})
	})
	if err != nil {
		return failed(op, err)
	}
	return summary(o.call, made, said("commented on %s", made.Bead))
}

func (o *commentOptions) list(ctx context.Context) error {
	comments := []town.Comment{}
	err := reading(ctx, o.call, func(r reader) error {
		list, err := r.Get(ctx, []string{o.id}, ledger.Fields{"comments"})
		if err == nil {
			comments = append(comments, list[0].Comments...)
		}
		return err
	})
	if err != nil {
		return failed("list the comments on "+town.Clip(o.id, 80), err)
	}
	return o.call.Show(comments, func(p *term.Printer) {
		for _, c := range comments {
			sayComment(p, c)
		}
	})
}
