package change

import (
	"context"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// retireOptions are those of the commands that close a bead in favour of another.
type retireOptions struct {
	call     *shell.Call
	id, with string
	kind     town.DepType
	reason   string // before the id of the other bead
}

// duplicateDone is what bd duplicate prints, and supersedeDone bd supersede.
type duplicateDone struct {
	Duplicate string      `json:"duplicate"`
	Canonical string      `json:"canonical"`
	Status    town.Status `json:"status"`
}

type supersedeDone struct {
	Superseded  string      `json:"superseded"`
	Replacement string      `json:"replacement"`
	Status      town.Status `json:"status"`
}

// Duplicate is bd duplicate.
func Duplicate() shell.Command {
	return shell.Command{
		Name: "duplicate", Help: "Close a bead as a duplicate of another, and link it to that.",
		Examples: []string{"bd duplicate gt-a3f8x --of gt-b7151"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &retireOptions{call: call, kind: town.DepDuplicates, reason: "duplicate of "}
			c.Arg("id", "The duplicate.").Required().PlaceHolder("ID").StringVar(&o.id)
			c.Flag("of", "The bead that remains.").Required().PlaceHolder("ID").StringVar(&o.with)
			return func(ctx context.Context) error {
				return o.run(ctx, "duplicate", func(id, with string) error {
					return view.Done(call, duplicateDone{id, with, town.StatusClosed}, "closed %s as a duplicate of %s", id, with)
				})
			}
		},
	}
}

// Supersede is bd supersede.
func Supersede() shell.Command {
	return shell.Command{
		Name: "supersede", Help: "Close a bead that another replaces, and link it to that.",
		Examples: []string{"bd supersede gt-a3f8x --with gt-b7151"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &retireOptions{call: call, kind: town.DepSupersedes, reason: "superseded by "}
			c.Arg("id", "The bead that is replaced.").Required().PlaceHolder("ID").StringVar(&o.id)
			c.Flag("with", "The bead that replaces it.").Required().PlaceHolder("ID").StringVar(&o.with)
			return func(ctx context.Context) error {
				return o.run(ctx, "supersede", func(id, with string) error {
					return view.Done(call, supersedeDone{id, with, town.StatusClosed}, "closed %s, which %s replaces", id, with)
				})
			}
		},
	}
}

func (o *retireOptions) run(ctx context.Context, verb string, done func(id, with string) error) error {
	var pair []string
	already := false
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullIDs(ctx, []string{o.id, o.with}, func(ids []string) error {
			pair = ids
			return l.Together(ctx, fmt.Sprintf("%s %s: %s", verb, ids[0], ids[1]), func(c *ledger.Change) (err error) {
				already, err = c.Retire(ctx, ids[0], ids[1], o.kind, o.reason+ids[1])
				return err
			})
		})
	})
	if err != nil {
		return session.Fail(verb+" "+session.Names([]string{o.id, o.with}), err)
	}
	if already {
		o.call.Hint("%s is closed already: its date and its reason stay", pair[0])
	}
	return done(pair[0], pair[1])
}
