package cli

import (
	"context"
	"io"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
)

// completionOptions are those of gt completion.
type completionOptions struct {
	app   *App
	shell string
}

func (a *App) configureCompletion(p *kingpin.Application) {
	o := &completionOptions{app: a}
	c := a.add(p, "completion", "Print a script that completes gt's commands in a shell.",
		examples("source <(gt completion bash)", "gt completion fish > ~/.config/fish/completions/gt.fish"), o.run)
	c.Arg("shell", "bash, zsh or fish.").Required().PlaceHolder("SHELL").EnumVar(&o.shell, shell.Shells...)
}

func (o *completionOptions) run(context.Context) error {
	_, err := io.WriteString(o.app.Stdout, shell.CompletionScript("gt", o.shell))
	return err
}
