// Package about is what a program of the project says about itself: gt version and
// gt completion.
package about

import (
	"context"
	"io"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
)

// Commands adds the commands to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "completion", Help: "Print a script that completes gt's commands in a shell.",
		Examples: []string{"source <(gt completion bash)", "gt completion fish > ~/.config/fish/completions/gt.fish"},
		Alone:    true, NoTown: true, Permission: shell.MayReadProgram, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			var name string
			c.Arg("shell", "bash, zsh or fish.").Required().PlaceHolder("SHELL").EnumVar(&name, shell.Shells...)
			return func(context.Context) error {
				_, err := io.WriteString(call.Stdout, shell.CompletionScript("gt", name))
				return err
			}
		},
	})
	p.Add(p, shell.Command{
		Name: "version", Help: "Print the version of gt and of what it is built on.",
		Examples: []string{"gt version", "gt version --json"},
		NoTown:   true, Permission: shell.MayReadProgram, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(context.Context) error {
				out := shell.NewBuild(call.Version())
				return call.Show(out, func(p *term.Printer) { out.Say(p, "gt") })
			}
		},
	})
}
