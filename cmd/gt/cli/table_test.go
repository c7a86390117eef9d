package cli

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/shell/shelltest"
	"gastown/town/access"
)

// alone are the commands that need a process of their own, and the reason.
var alone = map[string]string{
	"install":          "it makes the planes",
	"backup restore":   "it replaces the planes",
	"town promote":     "it replaces the planes",
	"town standby":     "it replaces the planes",
	"doctor":           "it must work when the Deacon does not, and reads every chunk",
	"deacon ":          "they direct the process that would run them",
	"federation init":  "a person reads and answers",
	"federation join":  "it replaces a plane",
	"federation leave": "a person reads and answers",
	"hooks run":        "git starts it in the background",
	"hooks notify":     "git starts it in the background",
	"benchmark ":       "it measures Towns of its own with processes of its own",
	"cache ":           "they ask the Deacon, which may not run",
	"alert test":       "it asks the Deacon, which may not run",
	"completion":       "it needs no Town",
	"attach":           "it gives the terminal to tmux",
	"mayor attach":     "it gives the terminal to tmux",
}

// Every entry of the table names a permission and has examples, and each command is
// in the table once.
func TestTable(t *testing.T) {
	p := Program(gttest.Towns{}.Invocation())
	table := p.Table()
	registered := leaves(p)
	if got := slices.Sorted(maps.Keys(table)); !slices.Equal(got, registered) {
		t.Errorf("the table has %q, the parser %q", got, registered)
	}
	for name, c := range table {
		if !slices.Contains(access.Actions, c.Permission) {
			t.Errorf("%s: its permission is %q, which the list of permissions lacks", name, c.Permission)
		}
		if c.Help == "" || !strings.HasSuffix(c.Help, ".") {
			t.Errorf("%s: its help is %q, want a sentence", name, c.Help)
		}
		if len(c.Examples) == 0 {
			t.Errorf("%s: it has no example", name)
		}
		for _, e := range c.Examples {
			if !strings.Contains(e, "gt ") {
				t.Errorf("%s: the example %q does not run gt", name, e)
			}
		}
		for _, plane := range c.Planes {
			if !slices.Contains(host.Planes, plane) {
				t.Errorf("%s: there is no plane %q", name, plane)
			}
		}
		if (c.Permission == shell.MayReadFederation || c.Permission == shell.MayReadTown) && c.Writes {
			t.Errorf("%s: it writes and needs only %s", name, c.Permission)
		}
		if want := mustBeAlone(name); c.Alone != want {
			t.Errorf("%s: alone is %v, want %v", name, c.Alone, want)
		}
	}
}

// An editor needs the terminal, so the flag that starts one makes a command run
// alone.
func TestAloneWithAnEditor(t *testing.T) {
	for flag, want := range map[string]bool{"--edit": true, "--ours": false} {
		i := gttest.Towns{}.Invocation("federation", "conflicts", "resolve", "mayor", flag)
		if got := Program(i).Prepare().Alone; got != want {
			t.Errorf("%s: alone is %v", flag, got)
		}
	}
}

// Whoever follows the feed keeps nobody from running a command.
func TestFollowingTheFeedIsEndless(t *testing.T) {
	for flag, want := range map[string]bool{"--follow": true, "-f": true, "--json": false} {
		i := gttest.Towns{}.Invocation("feed", flag)
		if got := Program(i).Prepare().Endless; got != want {
			t.Errorf("%s: endless is %v", flag, got)
		}
	}
}

func mustBeAlone(name string) bool {
	for prefix := range alone {
		if name == prefix || strings.HasSuffix(prefix, " ") && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// leaves are the commands without subcommands, by full name.
func leaves(p *shell.Program) (names []string) {
	for _, c := range p.Model().FlattenedCommands() {
		if c.Name != "help" { // the parser provides it
			names = append(names, c.FullCommand)
		}
	}
	slices.Sort(names)
	return names
}

// A script whose variable has no value changes nothing.
func TestEmptyArguments(t *testing.T) {
	if n := shelltest.RefusesEmpty(t, Program); n < 150 {
		t.Errorf("only %d values were refused for being empty", n)
	}
}
