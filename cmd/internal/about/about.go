// Package about has the commands with which a program describes itself: version and
// completion.
package about

import (
	"context"
	"io"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
)

// Commands adds the commands to the program with this name.
func Commands(p *shell.Program, name string) {
	p.Add(p, Completion(name))
	p.Add(p, version(name))
}

// Completion is the command completion of the program with this name.
func Completion(program string) shell.Command {
	return shell.Command{
		Name: "completion", Help: "Print a script that completes " + program + "'s commands in a shell.",
		Examples: []string{
			"source <(" + program + " completion bash)",
			program + " completion fish > ~/.config/fish/completions/" + program + ".fish",
		},
		Alone: true, NoTown: true, Permission: shell.MayReadProgram, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			var name string
			c.Arg("shell", "bash, zsh or fish.").Required().PlaceHolder("SHELL").EnumVar(&name, shell.Shells...)
			return func(context.Context) error {
				_, err := io.WriteString(call.Stdout, shell.CompletionScript(program, name))
				return err
			}
		},
	}
}

func version(program string) shell.Command {
	return shell.Command{
		Name: "version", Help: "Print the version of " + program + " and of what it is built on.",
		Examples: []string{program + " version", program + " version --json"},
		NoTown:   true, Permission: shell.MayReadProgram, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(context.Context) error {
				out := shell.NewBuild(call.Version())
				return call.Show(out, func(p *term.Printer) { out.Say(p, program) })
			}
		},
	}
}
