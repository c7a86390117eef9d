package shell

import "strings"

// Shells lists the shells that CompletionScript supports.
var Shells = []string{"bash", "zsh", "fish"}

// scripts complete words by asking the program, whose name replaces NAME.
var scripts = map[string]string{
	"bash": `# For bash: source <(NAME completion bash)
_NAME() {
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$(NAME --completion-bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _NAME NAME
`,
	"zsh": `#compdef NAME
# For zsh: source <(NAME completion zsh), or this text as _NAME in a directory of $fpath
_NAME() {
  local -a found
  found=(${(f)"$(NAME --completion-bash "${(@)words[2,$CURRENT]}" 2>/dev/null)"})
  compadd -- $found || _files
}
if [[ $funcstack[1] = _NAME ]]; then _NAME "$@"; else compdef _NAME NAME; fi
`,
	"fish": `# For fish: NAME completion fish | source
function __NAME_complete
  set -l words (commandline -opc) (commandline -ct)
  NAME --completion-bash $words[2..-1] 2>/dev/null
end
complete -c NAME -a '(__NAME_complete)'
`,
}

// CompletionScript returns the script with which a shell completes a program's
// commands.
func CompletionScript(program, shell string) string {
	return strings.ReplaceAll(scripts[shell], "NAME", program)
}
