package cli

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
)

// shownCommand matches a command in a document: after a prompt, or in backticks.
var shownCommand = regexp.MustCompile("(?m)^    \\$ (?:.*&& )?bd (.+)$|`(?:echo [^`]*\\| )?bd ([a-z-][^`]*)`")

// placeholders are what a document writes instead of values.
var placeholders = strings.NewReplacer("ID TEXT", "gt-a text", "ID", "gt-a", "FILE.md", "plan.md", "FILE.json", "plan.json", "FILE", "-", "OTHER", "gt-b", "NAME", "kim", "TOWN", "beta", "COMMAND", "list", `\|`, "|")

// document reads a document of the repository.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whatever the documents show is accepted by the parser.
func TestDocumentsShowCommandsThatParse(t *testing.T) {
	n := 0
	for _, name := range []string{"docs/bd.md", "docs/from-public-bd.md", "README.md"} {
		for _, m := range shownCommand.FindAllStringSubmatch(document(t, name), -1) {
			line := placeholders.Replace(strings.TrimSpace(m[1] + m[2]))
			if strings.HasSuffix(line, "--format") {
				continue // the flag alone is named
			}
			n++
			i := &shell.Invocation{Args: words(t, strings.SplitN(line, " # ", 2)[0]), Dir: t.TempDir(), Stdin: strings.NewReader(""), Stdout: &strings.Builder{}, Stderr: &strings.Builder{}}
			p := Program(i)
			if prepared := p.Prepare(); prepared.Command.Name != "" || len(i.Args) == 1 && knownGroup(p, i.Args[0]) {
				continue
			}
			if code, said := runQuietly(i); code != 0 {
				t.Errorf("%s shows bd %s: %s", name, line, said)
			}
		}
	}
	if n < 80 {
		t.Errorf("only %d commands", n)
	}
}

// knownGroup reports whether a word names a group of commands.
func knownGroup(p *shell.Program, word string) bool { return p.GetCommand(word) != nil }

// runQuietly runs what the parser itself answers.
func runQuietly(i *shell.Invocation) (code int, said string) {
	var out strings.Builder
	i.Stdout, i.Stderr = &out, &out
	p := Program(i).Prepare()
	if p.Command.Name != "" {
		return 0, ""
	}
	return p.Run(context.Background()), out.String()
}

// The help of a command shows its examples.
func TestHelpShowsExamples(t *testing.T) {
	p := placeAt(t, t.TempDir())
	for name, c := range Program(&shell.Invocation{}).Table() {
		out := p.must(append(strings.Fields(name), "--help")...)
		for _, e := range c.Examples {
			if !strings.Contains(out, e) {
				t.Errorf("bd %s --help does not show %q", name, e)
			}
		}
		if strings.ContainsAny(out, "“”") { // what the library makes of two quotes
			t.Errorf("bd %s --help shows quotes that no shell knows", name)
		}
	}
}

// Every command that people see has an entry in the reference.
func TestEveryCommandIsDocumented(t *testing.T) {
	page := document(t, "docs/bd.md")
	var walk func([]*kingpin.CmdModel)
	walk = func(list []*kingpin.CmdModel) {
		for _, c := range list {
			if c.Hidden || c.Name == "help" {
				continue
			}
			if walk(c.Commands); len(c.Commands) > 0 {
				continue
			}
			name := c.FullCommand
			if c.Default { // the group's name means it
				name = strings.TrimSuffix(name, " "+c.Name)
			}
			for _, name := range append([]string{name}, c.Aliases...) {
				if !regexp.MustCompile("(?m)^\\|.*(`|bd )" + regexp.QuoteMeta(name) + "[` ]").MatchString(page) {
					t.Errorf("docs/bd.md has no entry for bd %s", name)
				}
			}
		}
	}
	walk(Program(&shell.Invocation{}).Model().Commands)
}
