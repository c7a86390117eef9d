package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"

	gt "gastown/cmd/gt/cli"
	"gastown/cmd/internal/shell"
)

// place runs bd on a Town of its own.
type place struct {
	t   testing.TB
	dir string
	env shell.Environment
}

func newPlace(t testing.TB) place {
	t.Helper()
	p := placeAt(t, t.TempDir())
	installAt(t, p.dir)
	return p
}

// installAt makes a Town.
func installAt(t testing.TB, dir string) {
	t.Helper()
	var said bytes.Buffer
	i := &shell.Invocation{
		Program: "gt", Args: []string{"install", "."}, Dir: dir, Env: placeAt(t, dir).env,
		Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said, User: os.Getuid(), Now: time.Now,
	}
	if code := gt.Program(i).Prepare().Run(t.Context()); code != 0 {
		t.Fatalf("gt install: exit %d: %s", code, said.String())
	}
}

// placeAt runs bd in a directory.
func placeAt(t testing.TB, dir string) place {
	return place{t, dir, shell.Environment{"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com"}}
}

// with runs bd with streams.
func (p place) with(in io.Reader, out, said io.Writer, args ...string) (code int) {
	i := &shell.Invocation{
		Program: "bd", Args: args, Dir: p.dir, Env: p.env, Stdin: in, Stdout: out, Stderr: said, User: os.Getuid(), Now: time.Now,
		Programs: shell.Programs{"bd": Program, "gt": gt.Program},
	}
	return prepare(i).Run(p.t.Context())
}

func (p place) feed(in string, args ...string) (code int, stdout, stderr string) {
	var out, said bytes.Buffer
	code = p.with(strings.NewReader(in), &out, &said, args...)
	return code, out.String(), said.String()
}

func (p place) run(args ...string) (code int, stdout, stderr string) { return p.feed("", args...) }

// must runs bd and expects it to succeed.
func (p place) must(args ...string) string {
	p.t.Helper()
	code, out, said := p.run(args...)
	if code != shell.ExitOK {
		p.t.Fatalf("bd %q: exit %d: %s", args, code, said)
	}
	return out
}

func (p place) id(args ...string) string {
	p.t.Helper()
	return strings.TrimSpace(p.must(append([]string{"create", "--silent"}, args...)...))
}

func (p place) json(to any, args ...string) {
	p.t.Helper()
	if out := p.must(append(args, "--json")...); json.Unmarshal([]byte(out), to) != nil {
		p.t.Fatalf("bd %q printed no JSON: %s", args, out)
	}
}

// object runs a command with --json and returns the object it prints.
func (p place) object(args ...string) (o map[string]any) {
	p.t.Helper()
	p.json(&o, args...)
	delete(o, "schema_version")
	return o
}

// shown is a bead as bd show prints it.
func (p place) shown(id string) map[string]any {
	p.t.Helper()
	var list []map[string]any
	p.json(&list, "show", id)
	return list[0]
}

// write writes a file in the place and returns its path.
func (p place) write(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// Every command shows how it is used, and every flag says what it is for.
func TestEveryCommandHasExamples(t *testing.T) {
	parser := Program(&shell.Invocation{})
	if n := len(parser.Table()); n < 25 {
		t.Errorf("only %d commands", n)
	}
	var walk func([]*kingpin.CmdModel)
	walk = func(list []*kingpin.CmdModel) {
		for _, c := range list {
			if c.Help == "" || !strings.HasPrefix(c.HelpLong, "  ") && c.Name != "help" {
				t.Errorf("bd %s has no help or no examples", c.FullCommand)
			}
			for _, line := range strings.Split(c.HelpLong, "\n") {
				if !strings.Contains(line, "bd ") {
					t.Errorf("bd %s: an example that is none: %s", c.FullCommand, line)
				}
			}
			for _, f := range c.Flags {
				if f.Help == "" || !strings.HasSuffix(f.Help, ".") {
					t.Errorf("bd %s --%s: help is no sentence: %q", c.FullCommand, f.Name, f.Help)
				}
			}
			walk(c.Commands)
		}
	}
	var ours []*kingpin.CmdModel
	for _, c := range parser.Model().Commands {
		if c.Name != "help" {
			ours = append(ours, c)
		}
	}
	walk(ours)
}
