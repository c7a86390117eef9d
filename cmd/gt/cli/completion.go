package cli

import (
	"context"
	"io"

	"github.com/alecthomas/kingpin/v2"
)

// scripts complete words by asking gt itself.
var scripts = map[string]string{
	"bash": `# For bash: source <(gt completion bash)
_gt() {
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$(gt --completion-bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _gt gt
`,
	"zsh": `#compdef gt
# For zsh: source <(gt completion zsh)
_gt() {
  local -a found
  found=(${(f)"$(gt --completion-bash "${(@)words[2,$CURRENT]}" 2>/dev/null)"})
  compadd -- $found || _files
}
compdef _gt gt
`,
	"fish": `# For fish: gt completion fish | source
function __gt_complete
  set -l words (commandline -opc) (commandline -ct)
  gt --completion-bash $words[2..-1] 2>/dev/null
end
complete -c gt -a '(__gt_complete)'
`,
}

// completionOptions are those of gt completion.
type completionOptions struct {
	app   *App
	shell string
}

func (a *App) configureCompletion(p *kingpin.Application) {
	o := &completionOptions{app: a}
	c := a.add(p, "completion", "Print a script that completes gt's commands in a shell.",
		examples("source <(gt completion bash)", "gt completion fish > ~/.config/fish/completions/gt.fish"), o.run)
	c.Arg("shell", "bash, zsh or fish.").Required().PlaceHolder("SHELL").EnumVar(&o.shell, "bash", "zsh", "fish")
}

func (o *completionOptions) run(context.Context) error {
	_, err := io.WriteString(o.app.Stdout, scripts[o.shell])
	return err
}
