package cli

import (
	"bytes"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
)

// Only the command that is named is described to the parser. Nothing that a person
// sees may depend on that: help, usage and errors show every command and flag.
func TestHelpShowsEveryFlag(t *testing.T) {
	p := placeAt(t, t.TempDir())
	for _, c := range []struct {
		args string
		want []string
	}{
		{"", []string{"create [<flags>] [TITLE]", "dep tree [<flags>] ID"}},
		{"--help", []string{"dep cycles", "completion SHELL"}},
		{"help dep", []string{"dep tree [<flags>] ID", "dep remove [<flags>]"}},
		{"dep", []string{"must select a subcommand"}},
		{"dep --help", []string{"dep tree [<flags>] ID"}},
		{"dep tree --help", []string{"--max-depth"}},
		{"comment --help", []string{"comment add [<flags>]"}},
		{"comments --help", []string{"comments list [<flags>]"}},
		{"ls --help", []string{"--created-after", "--fields"}},
		{"dep rm --help", []string{"Links of this type only."}},
		{"help", []string{"dep cycles"}},
		{"nonsense", []string{"nonsense"}},
	} {
		_, out, said := p.run(strings.Fields(c.args)...)
		for _, want := range c.want {
			if !strings.Contains(out+said, want) {
				t.Errorf("bd %s does not show %q:\n%s%s", c.args, want, out, said)
			}
		}
	}
}

// The library prints completions on the standard output of its process, so they
// never run inside the Deacon.
func TestCompletionsRunAlone(t *testing.T) {
	for _, args := range []string{"--completion-bash dep", "--completion-script-bash", "show --help-long"} {
		i := &shell.Invocation{Args: strings.Fields(args), Dir: t.TempDir(), Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}}
		if got := Program(i).Prepare(); !got.Alone {
			t.Errorf("bd %s runs inside the Deacon", args)
		}
	}
	// The man page is the program's own and goes to the caller.
	if out := placeAt(t, t.TempDir()).must("--help-man"); !strings.HasPrefix(out, ".TH BD 1 ") {
		t.Errorf("%.80s", out)
	}
}

// An abbreviated description has the same meaning as the whole one.
func TestAliasesAndDefaultsAreDescribed(t *testing.T) {
	for args, want := range map[string]string{
		"done a": "bd close", "ls --tree": "bd list", "view a --short": "bd show", "dep rm a b -t related": "bd dep remove",
		"comment a said": "bd comment add", "comments a": "bd comments list", "--json new x -t bug": "bd create", "status": "bd stats",
		"label rm a b": "bd label remove", "config unset bd.prefix": "bd config unset",
	} {
		i := &shell.Invocation{Args: strings.Fields(args), Dir: t.TempDir(), Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}}
		if got := Program(i).Prepare(); got.Name != want || got.Command.Define == nil {
			t.Errorf("bd %s is %q", args, got.Name)
		}
	}
}
