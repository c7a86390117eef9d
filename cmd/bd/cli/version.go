package cli

import (
	"context"
	"io"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
)

// examples words lines for the usage template.
func examples(lines ...string) string { return shell.Examples(lines...) }

func versionCommand() shell.Command {
	return shell.Command{
		Name: "version", Help: "Print the version of bd and of what it is built on.",
		Examples: []string{"bd version", "bd version --json"},
		NoTown:   true, Permission: canReadTown,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(context.Context) error {
				out := shell.NewBuild(version)
				return call.Show(out, func(p *term.Printer) { out.Say(p, "bd") })
			}
		},
	}
}

func completionCommand() shell.Command {
	return shell.Command{
		Name: "completion", Help: "Print a script that completes bd's commands in a shell.",
		Examples: []string{"source <(bd completion bash)", "bd completion fish > ~/.config/fish/completions/bd.fish"},
		Alone:    true, NoTown: true, Permission: canReadTown,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			name := c.Arg("shell", "bash, zsh or fish.").Required().PlaceHolder("SHELL").Enum(shell.Shells...)
			return func(context.Context) error {
				_, err := io.WriteString(call.Stdout, shell.CompletionScript("bd", *name))
				return err
			}
		},
	}
}
