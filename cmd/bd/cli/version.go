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

func (a *App) configureVersion(p *kingpin.Application) {
	a.add(p, "version", "Print the version of bd and of what it is built on.", examples("bd version", "bd version --json"),
		func(context.Context) error {
			out := shell.NewBuild(version)
			return a.show(out, func(p *term.Printer) { out.Say(p, "bd") })
		})
}

func (a *App) configureCompletion(p *kingpin.Application) {
	var name string
	a.add(p, "completion", "Print a script that completes bd's commands in a shell.",
		examples("source <(bd completion bash)", "bd completion fish > ~/.config/fish/completions/bd.fish"),
		func(context.Context) error {
			_, err := io.WriteString(a.Stdout, shell.CompletionScript("bd", name))
			return err
		}).
		Arg("shell", "bash, zsh or fish.").Required().PlaceHolder("SHELL").EnumVar(&name, shell.Shells...)
}
