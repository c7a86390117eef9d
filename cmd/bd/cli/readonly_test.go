package cli

import (
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
)

// With --readonly every command that may change something is refused before it does, in
// every form in which the table says that it writes.
func TestReadOnlyRefusesEveryWrite(t *testing.T) {
	w := newWorld(t)
	w.must("create", "A", "--id", "gt-a")
	was := w.must("export", "--all")
	model := Program(&shell.Invocation{}).Model()
	n := 0
	for name, c := range Program(&shell.Invocation{}).Table() {
		m := commandNamed(model.Commands, name)
		forms := c.WritesWith
		if c.Writes {
			forms = []string{""}
		}
		for _, form := range forms {
			args := append(append([]string{"--readonly"}, strings.Fields(name)...), least(m, form)...)
			n++
			if code, out, said := w.run("", nil, args...); code != shell.ExitRefused || !strings.Contains(out+said, "with --readonly nothing is changed") {
				t.Errorf("bd %q: exit %d: %s%s", args, code, out, said)
			}
		}
	}
	if is := w.must("export", "--all"); is != was || n < 40 {
		t.Errorf("%d forms; there is %s", n, is)
	}
}

// least are the fewest arguments that a command takes, with one flag or argument more.
func least(m *kingpin.CmdModel, more string) (args []string) {
	for _, f := range m.Flags {
		switch {
		case f.Name != more && !f.Required:
		case f.IsBoolFlag():
			args = append(args, "--"+f.Name)
		default:
			args = append(args, "--"+f.Name+"=gt-a")
		}
	}
	for _, a := range m.Args {
		if a.Required || a.Name == more {
			args = append(args, "gt-a")
		}
	}
	return args
}
