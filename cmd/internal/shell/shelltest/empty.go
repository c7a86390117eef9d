// Package shelltest checks what every command of a program must do.
package shelltest

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
)

// RefusesEmpty checks that each command of a program refuses each argument that is empty, and
// that one that may change something refuses each empty flag, unless the table or the kind of
// the value allows it. It returns how many values were refused for being empty.
func RefusesEmpty(t *testing.T, program func(*shell.Invocation) *shell.Program) (refused int) {
	t.Helper()
	p := program(&shell.Invocation{})
	table := p.Table()
	for _, c := range p.Model().FlattenedCommands() {
		e, ok := table[c.FullCommand]
		if !ok {
			continue // the parser's own
		}
		names := map[string]bool{}
		check := func(name string, args ...string) {
			names[name] = true
			if slices.Contains(e.MayBeEmpty, name) {
				return
			}
			said := run(t, program, args)
			if m := choices.FindStringSubmatch(said); m != nil { // 1 is none of another flag's choices
				said = run(t, program, replaced(args, "=1", "="+m[1]))
			}
			if strings.Contains(said, "is empty, so nothing was done") {
				refused++
			} else if !refusedByParser(said) {
				t.Errorf("%q: %s", args, said)
			}
		}
		for i, a := range c.Args {
			check(a.Name, call(c, e, i)...)
		}
		for _, f := range c.Flags {
			names[f.Name] = true
			text := f.PlaceHolder == "TEXT" && e.Writes
			if (e.Writes || len(e.WritesWith) > 0) && !f.IsBoolFlag() && !text {
				check(f.Name, append(call(c, e, -1), "--"+f.Name+"=")...)
			}
		}
		for _, name := range e.MayBeEmpty {
			if !names[name] {
				t.Errorf("%s: it has no flag or argument %q", c.FullCommand, name)
			}
		}
	}
	return refused
}

// choices matches what the parser says of a flag that takes one of several words.
var choices = regexp.MustCompile(`"1" is not one of (\w+)`)

// replaced returns args with a part of each replaced.
func replaced(args []string, part, by string) (out []string) {
	for _, a := range args {
		out = append(out, strings.Replace(a, part, by, 1))
	}
	return out
}

// refusedByParser reports whether the parser refused the empty value itself, for instance
// because it is no number.
func refusedByParser(said string) bool {
	return strings.Contains(said, `""`) || strings.Contains(said, "expected KEY=VALUE")
}

// call returns the arguments of a call that changes something. The argument at emptyAt is
// empty (-1: none is); the others, and the required flags, are 1.
func call(c *kingpin.CmdModel, e shell.Command, emptyAt int) []string {
	args := strings.Fields(c.FullCommand)
	for _, f := range c.Flags {
		needed := f.Required || len(e.WritesWith) > 0 && e.WritesWith[0] == f.Name
		switch {
		case needed && f.IsBoolFlag():
			args = append(args, "--"+f.Name)
		case needed:
			args = append(args, "--"+f.Name+"=1")
		}
	}
	for i := range c.Args {
		if i == emptyAt {
			args = append(args, "")
		} else {
			args = append(args, "1")
		}
	}
	return args
}

// run runs a command where there is no Town, and returns what it printed.
func run(t *testing.T, program func(*shell.Invocation) *shell.Program, args []string) string {
	t.Helper()
	var said bytes.Buffer
	i := &shell.Invocation{
		Program: "x", Args: args, Dir: t.TempDir(), Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said,
		Self: "/bin/true", Now: time.Now,
	}
	if code := program(i).Prepare().Run(t.Context()); code == shell.ExitOK {
		t.Errorf("%q: exit 0", args)
	}
	return said.String()
}
