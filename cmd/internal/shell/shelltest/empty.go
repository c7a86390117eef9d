// Package shelltest checks what every command of a program must do.
package shelltest

import (
	"bytes"
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
	for _, c := range leaves(p.Model().Commands) {
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
			if said := run(t, program, args); strings.Contains(said, "is empty, so nothing was done") {
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

// refusedByParser reports whether the parser said that a value is none that it knows.
func refusedByParser(said string) bool {
	return strings.Contains(said, "is not one of") || strings.Contains(said, `""`) || strings.Contains(said, "expected")
}

// call is a call of a command that changes something, whose argument of an index is empty.
// Every other argument and every required flag is 1.
func call(c *kingpin.CmdModel, e shell.Command, empty int) []string {
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
		if i == empty {
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

func leaves(groups []*kingpin.CmdModel) (all []*kingpin.CmdModel) {
	for _, c := range groups {
		if len(c.Commands) > 0 {
			all = append(all, leaves(c.Commands)...)
		} else {
			all = append(all, c)
		}
	}
	return all
}
