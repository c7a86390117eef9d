package cli

import (
	"os"
	"path/filepath"
	"slices"
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

// With --readonly a command passes that only shows what it would do. Every flag that
// says so is known as such.
func TestReadOnlyLetsDryRunsPass(t *testing.T) {
	w := newWorld(t)
	w.must("create", "A", "--id", "gt-a")
	file := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(file, []byte(`{"id":"gt-new","title":"new"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	was := w.must("export", "--all")
	model := Program(&shell.Invocation{}).Model()
	n := 0
	for name, c := range Program(&shell.Invocation{}).Table() {
		m := commandNamed(model.Commands, name)
		for _, f := range m.Flags {
			if slices.Contains([]string{"dry-run", "preview"}, f.Name) && (c.Writes || len(c.WritesWith) > 0) && !slices.Contains(c.DryWith, f.Name) {
				t.Errorf("bd %s --%s is not among DryWith", name, f.Name)
			}
		}
		for _, form := range c.DryWith {
			args := append(append([]string{"--readonly"}, strings.Fields(name)...), least(m, form)...)
			n++
			if code, out, said := w.run("", nil, args...); code == shell.ExitRefused || strings.Contains(out+said, "with --readonly nothing is changed") {
				t.Errorf("bd %q: exit %d: %s%s", args, code, out, said)
			}
			if !c.Writes {
				continue
			}
			args = append(args, "--"+form+"=false")
			if code, out, said := w.run("", nil, args...); code != shell.ExitRefused {
				t.Errorf("bd %q: exit %d: %s%s", args, code, out, said)
			}
		}
	}
	for _, args := range [][]string{
		{"create", "B", "--dry-run"}, {"delete", "gt-a", "--dry-run"}, {"delete", "gt-a", "--dry-run", "--force"}, {"import", file, "--dry-run"},
		{"epic", "close-eligible", "--dry-run"}, {"duplicates", "--auto-merge", "--dry-run"}, {"rename-prefix", "kw", "--dry-run"}, {"setup", "claude", "--preview"},
	} {
		w.must(append([]string{"--readonly"}, args...)...)
	}
	if is := w.must("export", "--all"); is != was || n < 8 {
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
