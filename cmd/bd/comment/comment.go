// Package comment is the command group bd comment.
package comment

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// commentOptions are those of bd comment.
type commentOptions struct {
	call   *shell.Call
	id     string
	text   flags.Words
	author string
}

// Commands adds the groups to a program: bd comment ID TEXT adds a comment, bd comments
// ID lists them, and each has both under their names.
func Commands(p *shell.Program) {
	g := p.Command("comment", "Comment on beads.").HelpLong(shell.Examples(`bd comment gt-a3f8x "Seen on 32 bit only"`, "bd comment list gt-a3f8x"))
	p.Add(g, add("comment", true))
	p.Add(g, list("comment", false))
	g = p.Command("comments", "Comments on beads.").HelpLong(shell.Examples("bd comments gt-a3f8x", `bd comments add gt-a3f8x "Seen on 32 bit only"`))
	p.Add(g, list("comments", true))
	p.Add(g, add("comments", false))
}

func add(group string, usual bool) shell.Command {
	said := "bd " + group + " add gt-a3f8x"
	if usual {
		said = "bd " + group + " gt-a3f8x"
	}
	return shell.Command{
		Name: "add", Default: usual, Help: "Comment on a bead.",
		Examples: []string{said + ` "Seen on 32 bit only"`, said + " --file notes.txt", "make 2>&1 | " + said + " --stdin"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Reads: []string{"file"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &commentOptions{call: call}
			o.args(c)
			return o.add
		},
	}
}

func list(group string, usual bool) shell.Command {
	said := "bd " + group + " list gt-a3f8x"
	if usual {
		said = "bd " + group + " gt-a3f8x"
	}
	return shell.Command{
		Name: "list", Default: usual, Help: "List the comments on a bead, oldest first.",
		Examples: []string{said, said + " --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &commentOptions{call: call}
			c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.id)
			c.Flag("local-time", "Accepted without effect: times are local.").Hidden().Bool()
			return o.list
		},
	}
}

func (o *commentOptions) args(c *kingpin.CmdClause) {
	c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.id)
	o.text.Define(c, "What to say.")
	c.Flag("author", "Who says it, instead of you.").Short('a').PlaceHolder("NAME").StringVar(&o.author)
}

func (o *commentOptions) add(ctx context.Context) error {
	op := "comment on " + town.Clip(o.id, 80)
	text, err := o.text.Read(o.call, "bd comment ID TEXT, or --stdin; bd comments ID lists what was said")
	if err != nil {
		return session.Fail(op, err)
	}
	var made town.Comment
	err = session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullIDs(ctx, []string{o.id}, func(ids []string) (err error) {
			made, err = l.CommentAs(ctx, ids[0], o.author, text)
			return err
		})
	})
	if err != nil {
		return session.Fail(op, err)
	}
	return view.Done(o.call, made, "commented on %s", made.Bead)
}

func (o *commentOptions) list(ctx context.Context) error {
	comments := []town.Comment{}
	err := session.Read(ctx, o.call, func(r session.Reader) error {
		list, err := r.Get(ctx, []string{o.id}, ledger.Fields{"comments"})
		if err == nil {
			comments = append(comments, list[0].Comments...)
		}
		return err
	})
	if err != nil {
		return session.Fail("list the comments on "+town.Clip(o.id, 80), err)
	}
	return o.call.Show(comments, func(p *term.Printer) {
		for _, c := range comments {
			view.Comment(p, c)
		}
	})
}
