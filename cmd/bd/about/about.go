// Package about is bd version and bd completion.
package about

import (
	"context"
	"io"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
)

// Version is bd version.
func Version() shell.Command {
	return shell.Command{
		Name: "version", Help: "Print the version of bd and of what it is built on.",
		Examples: []string{"bd version", "bd version --json"},
		NoTown:   true, Permission: shell.MayReadProgram, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(context.Context) error {
				out := shell.NewBuild(call.Version())
				return call.Show(out, func(p *term.Printer) { out.Say(p, "bd") })
			}
		},
	}
}

// Completion is bd completion.
func Completion() shell.Command {
	return shell.Command{
		Name: "completion", Help: "Print a script that completes bd's commands in a shell.",
		Examples: []string{"source <(bd completion bash)", "bd completion fish > ~/.config/fish/completions/bd.fish"},
		Alone:    true, NoTown: true, Permission: shell.MayReadProgram, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			name := c.Arg("shell", "bash, zsh or fish.").Required().PlaceHolder("SHELL").Enum(shell.Shells...)
			return func(context.Context) error {
				_, err := io.WriteString(call.Stdout, shell.CompletionScript("bd", *name))
				return err
			}
		},
	}
}
