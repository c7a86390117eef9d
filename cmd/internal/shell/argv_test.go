package shell

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
)

// sample is a program with a command that has texts, and a group with a command that
// runs when none is named.
func sample(args ...string) *Program {
	p := NewProgram(Traits{Name: "x", Help: "X.", Ignored: map[string]bool{"old": false, "older": true}}, &Invocation{Args: args, Stdout: io.Discard, Stderr: io.Discard})
	p.Begin()
	define := func(_ *Call, c *kingpin.CmdClause) Action {
		c.Arg("text", "Text.").Strings()
		c.Flag("notes", "Notes.").Short('n').String()
		c.Flag("label", "Labels.").Short('l').Strings()
		c.Flag("all", "All.").Short('a').Bool()
		return func(context.Context) error { return nil }
	}
	p.Add(p, Command{Name: "make", Alias: "new", Help: "Make.", NoTown: true, Define: define})
	g := p.Command("group", "Group.")
	p.Add(g, Command{Name: "add", Help: "Add.", NoTown: true, Define: define})
	p.Add(g, Command{Name: "either", Default: true, Hidden: true, Help: "Either.", NoTown: true, Define: define})
	g = p.Command("rig", "Rigs.")
	none := func(*Call, *kingpin.CmdClause) Action { return func(context.Context) error { return nil } }
	p.Add(g, Command{Name: "list", Default: true, Help: "List.", NoTown: true, Define: none})
	return p
}

// Arguments are read as people write them, and written the one way the parser reads.
func TestArgumentsInOneForm(t *testing.T) {
	for line, want := range map[string]string{
		"make|a|b":                       "make -- a b",
		"--json|new|a":                   "new --json -- a",
		"make|--notes|x|a":               "make --notes=x -- a",
		"make|--notes=x|a":               "make --notes=x -- a",
		"make|-nx":                       "make --notes=x",
		"make|-n=x":                      "make --notes=x",
		"make|-n|-x":                     "make --notes=-x",
		"make|--notes|- point":           "make --notes=- point",
		"make|--notes|-5":                "make --notes=-5",
		"make|--notes|-":                 "make --notes=-",
		"make|- point":                   "make -- - point",
		"make|-- so":                     "make -- -- so",
		"make|-5|--all":                  "make --all -- -5",
		"make|-n text":                   "make -- -n text",
		"make|-":                         "make -- -",
		"make|--|--all|-n":               "make -- --all -n",
		"make|-al|x":                     "make --all --label=x",
		"make|--all=false":               "make --no-all",
		"make|--no-all=false":            "make --all",
		"make|-a=0":                      "make --no-all",
		"make|--no-no-color":             "make --no-no-color",
		"make|--all|--no-all":            "make --no-all",
		"make|--notes=a|--notes=b":       "make --notes=b",
		"make|-l|a|--label=b":            "make --label=a --label=b",
		"make|--old|a|--older|v|--old=1": "make -- a",
		"group|a":                        "group either -- a",
		"group|--notes|a|b":              "group either --notes=a -- b",
		"group|add|b":                    "group add -- b",
		"group|--help":                   "group --help",
		"help|group|add":                 "help -- group add",
		"":                               "",
	} {
		p := sample(strings.Split(line, "|")...)
		args := p.args
		if line == "" {
			args = nil
		}
		got, err := p.normal(args)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s is %q, %v; want %s", line, got, err, want)
		}
		if again, err := p.normal(got); err != nil || !slices.Equal(again, got) {
			t.Errorf("%s is %q, read again %q, %v", line, got, again, err)
		}
	}
}

// What cannot be read says why, and names the nearest command or flag.
func TestArgumentsThatCannotBeRead(t *testing.T) {
	for line, want := range map[string]string{
		"mke":                `no such command: "mke"; nearest: make`,
		"make|--note":        "no such flag: --note; nearest: --notes",
		"make|-z":            "no such flag: -z",
		"make|-az":           "no such flag: -z",
		"make|--notes":       "--notes needs a value",
		"make|-n":            "-n needs a value",
		"make|--notes|--all": "--notes needs a value, and --all is a flag; if it is the value, write --notes=--all",
		"make|--notes|-a":    "--notes needs a value, and -a is a flag; if it is the value, write --notes=-a",
		"make|--notes|--":    "--notes needs a value",
		"make|--all=x":       `--all: "x" is neither true nor false`,
		"make|--no-notes=x":  "no such flag: --no-notes; nearest: --notes",
		"rig|lits":           `no such command: "lits"; nearest: list`,
		"rig|move|--from=x":  `no such command: "move"`,
		"xyzzy":              `no such command: "xyzzy"`,
		"":                   `no such command: ""`,
	} {
		p := sample(strings.Split(line, "|")...)
		got, err := p.normal(p.args)
		if err == nil || err.Error() != want {
			t.Errorf("%s is %q, %v; want %s", line, got, err, want)
		}
		if code := p.Prepare().Run(t.Context()); code != ExitUsage {
			t.Errorf("%s: exit %d", line, code)
		}
	}
}

// A word that is none of a flag's words says which flag, and what it may be.
func TestWordsThatAreNoChoice(t *testing.T) {
	for word, want := range map[string]string{
		"pull":     `--how: "pull" is not one of push, pr`,
		"it's\nit": `--how: "it's\nit" is not one of push, pr`,
	} {
		var stderr strings.Builder
		p := NewProgram(Traits{Name: "x", Help: "X."}, &Invocation{Args: []string{"make", "--how", word}, Stdout: io.Discard, Stderr: &stderr})
		p.Begin()
		p.Add(p, Command{Name: "make", Help: "Make.", NoTown: true, Define: func(_ *Call, c *kingpin.CmdClause) Action {
			c.Flag("how", "How.").Enum("push", "pr")
			return func(context.Context) error { return nil }
		}})
		if code := p.Prepare().Run(t.Context()); code != ExitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("%q: exit %d: %s; want %s", word, code, &stderr, want)
		}
	}
}

// An object gets the schema's version once, an array never.
func TestSchemaVersion(t *testing.T) {
	c := &Call{traits: Traits{Schema: 1}}
	for in, want := range map[string]string{
		"{}": "{\n  \"schema_version\": 1\n}", "{\n  \"a\": 1\n}": "{\n  \"a\": 1,\n  \"schema_version\": 1\n}",
		"[]": "[]", "{\n  \"schema_version\": 2\n}": "{\n  \"schema_version\": 2\n}", `"{"`: `"{"`,
		"{\n  \"a\": {\n    \"schema_version\": 2\n  }\n}": "{\n  \"a\": {\n    \"schema_version\": 2\n  },\n  \"schema_version\": 1\n}",
	} {
		if got := string(c.versioned([]byte(in))); got != want {
			t.Errorf("%s is %s", in, got)
		}
	}
}
