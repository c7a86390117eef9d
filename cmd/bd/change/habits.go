package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// TodoAdd is bd todo add.
func TodoAdd() shell.Command {
	return shell.Command{
		Name: "add", Help: "Make a task.",
		Examples: []string{"bd todo add \"Buy milk\"", "bd todo add Buy milk -p 1"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		MayBeEmpty: []string{"priority"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &createOptions{call: call, kind: string(town.TypeTask)}
			var words []string
			c.Arg("title", "What is to be done.").Required().PlaceHolder("TITLE").StringsVar(&words)
			c.Flag("priority", "0 (most urgent) to 4.").Short('p').PlaceHolder("N").StringVar(&o.priority)
			c.Flag("description", "What it is about.").Short('d').PlaceHolder("TEXT").SetValue(&o.prose.Description)
			return func(ctx context.Context) error {
				o.title = strings.Join(words, " ")
				return o.run(ctx)
			}
		},
	}
}

// endOptions are those of bd todo done, bd human respond and bd human dismiss.
type endOptions struct {
	call *shell.Call
	ids  []string
	// reason is the close reason. comment is added before the bead is closed; "" adds
	// none.
	reason, comment string
	force           bool
}

func (o *endOptions) forceFlag(c *kingpin.CmdClause) {
	c.Flag("force", "Also if it waits for open beads or has open children.").Short('f').BoolVar(&o.force)
}

// TodoDone is bd todo done.
func TodoDone() shell.Command {
	return shell.Command{
		Name: "done", Help: "Close tasks.",
		Examples: []string{"bd todo done gt-a3f8x", "bd todo done gt-a3f8x gt-b71 --reason bought"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &endOptions{call: call}
			c.Arg("id", "The tasks.").Required().PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("reason", "Why.").Short('r').Default("Completed").PlaceHolder("TEXT").StringVar(&o.reason)
			o.forceFlag(c)
			return o.end
		},
	}
}

// HumanRespond is bd human respond.
func HumanRespond() shell.Command {
	return shell.Command{
		Name: "respond", Help: "Answer what waits for a person: comment, and close it.",
		Examples: []string{"bd human respond gt-a3f8x \"Use the second way\"", "bd human respond gt-a3f8x -r approved"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &endOptions{call: call, reason: "Responded"}
			id, words, text := "", []string{}, ""
			c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&id)
			c.Arg("text", "The answer.").PlaceHolder("TEXT").StringsVar(&words)
			c.Flag("response", "The answer, as a flag.").Short('r').PlaceHolder("TEXT").StringVar(&text)
			o.forceFlag(c)
			return func(ctx context.Context) error {
				o.ids = []string{id}
				answer := strings.TrimSpace(strings.Join(append(words, text), " "))
				if answer == "" {
					return session.Fail("answer "+session.Names(o.ids), fmt.Errorf("%w: give the answer: bd human respond ID TEXT", town.ErrUsage))
				}
				o.comment = "Response: " + answer
				return o.end(ctx)
			}
		},
	}
}

// HumanDismiss is bd human dismiss.
func HumanDismiss() shell.Command {
	return shell.Command{
		Name: "dismiss", Help: "Close what waits for a person without an answer.",
		Examples: []string{"bd human dismiss gt-a3f8x", "bd human dismiss gt-a3f8x --reason \"no longer needed\""},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &endOptions{call: call}
			id, words, text := "", []string{}, ""
			c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&id)
			c.Arg("text", "Why.").PlaceHolder("TEXT").StringsVar(&words)
			c.Flag("reason", "Why, as a flag.").PlaceHolder("TEXT").StringVar(&text)
			o.forceFlag(c)
			return func(ctx context.Context) error {
				o.ids = []string{id}
				o.reason = "Dismissed"
				if why := strings.TrimSpace(strings.Join(append(words, text), " ")); why != "" {
					o.reason += ": " + why
				}
				return o.end(ctx)
			}
		},
	}
}

// end adds the comment to the beads and closes them, all or none. It comments on beads
// that are closed already, too.
func (o *endOptions) end(ctx context.Context) error {
	var done ledger.Closed
	op := "close " + session.Names(o.ids)
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullIDs(ctx, o.ids, func(ids []string) error {
			return l.Together(ctx, op, func(c *ledger.Change) (err error) {
				for _, id := range ids {
					if o.comment == "" {
						break
					}
					if _, err := c.Comment(ctx, id, o.comment); err != nil {
						return err
					}
				}
				done, err = c.Close(ctx, ids, ledger.Closing{Reason: o.reason, Force: o.force})
				return err
			})
		})
	})
	if err != nil {
		return session.Fail(op, err)
	}
	return sayClosed(o.call, done)
}
