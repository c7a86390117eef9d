package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// Quick is bd q.
func Quick() shell.Command {
	return shell.Command{
		Name: "q", Help: "Make a bead and print its id alone.",
		Examples: []string{`bd q "Login fails with an empty password"`, `bd show $(bd q Look into the timeouts -t bug -p 1)`},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		MayBeEmpty: []string{"type", "priority"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := newCreate(call)
			o.silent = true
			var words []string
			c.Arg("title", "What is to be done; several words are one title.").Required().PlaceHolder("TITLE").StringsVar(&words)
			c.Flag("type", "Its type; task by default.").Short('t').PlaceHolder("TYPE").StringVar(&o.kind)
			c.Flag("priority", "0 (most urgent) to 4; 2 by default.").Short('p').PlaceHolder("N").StringVar(&o.priority)
			c.Flag("labels", "Labels, separated by commas.").Short('l').PlaceHolder("LABEL,...").StringsVar(&o.labels)
			return func(ctx context.Context) error {
				o.title = strings.Join(words, " ")
				return o.run(ctx)
			}
		},
	}
}

// shortOptions are those of the commands that change one thing of one bead.
type shortOptions struct {
	call *shell.Call
	id   string
	word string
	text flags.Words
}

// Note is bd note.
func Note() shell.Command {
	return shell.Command{
		Name: "note", Help: "Add a line to the notes of a bead.",
		Examples: []string{`bd note gt-a3f8x "Seen on 32 bit only"`, "make 2>&1 | bd note gt-a3f8x --stdin"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Reads: []string{"file"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &shortOptions{call: call}
			o.bead(c)
			o.text.Define(c, "What to add.")
			return func(ctx context.Context) error {
				text, err := o.text.Read(call, "bd note ID TEXT")
				if err != nil {
					return session.Fail("add a note to "+town.Clip(o.id, 80), err)
				}
				return o.change(ctx, ledger.Patch{AppendNotes: &text}, "noted on %s", nil)
			}
		},
	}
}

// Assign is bd assign.
func Assign() shell.Command {
	return shell.Command{
		Name: "assign", Help: "Assign a bead to somebody.",
		Examples: []string{"bd assign gt-a3f8x ada", "bd assign gt-a3f8x ''"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		MayBeEmpty: []string{"name"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &shortOptions{call: call}
			o.bead(c)
			c.Arg("name", "Who does it; \"\" for nobody.").Required().PlaceHolder("NAME").StringVar(&o.word)
			return func(ctx context.Context) error {
				return o.change(ctx, ledger.Patch{Assignee: &o.word}, "assigned %s", nil)
			}
		},
	}
}

// Priority is bd priority.
func Priority() shell.Command {
	return shell.Command{
		Name: "priority", Help: "Set how urgent a bead is.",
		Examples: []string{"bd priority gt-a3f8x 0"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &shortOptions{call: call}
			o.bead(c)
			c.Arg("priority", "0 (most urgent) to 4.").Required().PlaceHolder("N").StringVar(&o.word)
			return func(ctx context.Context) error {
				n, err := town.ParsePriority(o.word)
				return o.change(ctx, ledger.Patch{Priority: &n}, "set %s", err)
			}
		},
	}
}

// Tag is bd tag.
func Tag() shell.Command {
	return shell.Command{
		Name: "tag", Help: "Label a bead.",
		Examples: []string{"bd tag gt-a3f8x urgent"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &shortOptions{call: call}
			o.bead(c)
			c.Arg("label", "Labels, separated by commas.").Required().PlaceHolder("LABEL").StringVar(&o.word)
			return func(ctx context.Context) error {
				labels, err := flags.Labels([]string{o.word})
				return o.change(ctx, ledger.Patch{AddLabels: labels}, "labelled %s", err)
			}
		},
	}
}

func (o *shortOptions) bead(c *kingpin.CmdClause) {
	c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.id)
}

// change applies a patch to the bead and prints it. err is what was wrong with the
// patch already.
func (o *shortOptions) change(ctx context.Context, p ledger.Patch, done string, err error) error {
	var b town.Bead
	if err == nil {
		p.ID = o.id
		err = session.Use(ctx, o.call, func(l *session.Ledger) error {
			return l.FullPatches(ctx, []ledger.Patch{p}, func(p []ledger.Patch) error {
				list, err := l.Update(ctx, p)
				touchLast(l, list)
				if err == nil {
					b = list[0]
				}
				return err
			})
		})
	}
	if err != nil {
		return session.Fail("change "+town.Clip(o.id, 80), err)
	}
	return view.Done(o.call, b, "%s", fmt.Sprintf(done, view.Line(b)))
}
