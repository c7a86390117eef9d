package begin

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
)

// guide teaches a person. A test runs each of its commands.
const guide = `bd keeps the work of a Town: what is to be done, what waits for what, and who does it.

Begin
    bd init                                # makes a Town in this directory, unless it is in one
    bd create "Login fails" -t bug -p 1    # prints the id of the new bead, for instance bd-a3f8x

Find work
    bd ready                               # what can be taken up now
    bd show ID                             # all about one bead; the beginning of an id is enough
    bd list -s open -t bug
    bd search "login"

Do it
    bd update ID --claim                   # it is yours
    bd comment ID "The cause is the proxy"
    bd close ID --reason "merged"

Plan
    bd create "Release" -t epic
    bd create "Write the notes" --parent ID
    bd dep add ID OTHER                    # ID waits for OTHER
    bd blocked                             # what waits, and for what
    bd dep tree ID

Agents
    bd setup claude --preview              # also codex, opencode, gemini, cursor
    bd prime                               # what an agent is told when its session starts

Other Towns
    bd sync                                # gt federation has the details
`

func quickstart() shell.Command {
	return shell.Command{
		Name: "quickstart", Help: "Teach the first commands.", Examples: []string{"bd quickstart"},
		NoTown: true, Permission: shell.MayReadProgram, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(context.Context) error {
				return call.Show(struct {
					Guide string `json:"guide"`
				}{guide}, func(p *term.Printer) { p.Body("", guide) })
			}
		},
	}
}
