package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"

	gt "gastown/cmd/gt/cli"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
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
	var said bytes.Buffer
	i := &shell.Invocation{
		Program: "gt", Args: []string{"install", "."}, Dir: p.dir, Env: p.env,
		Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said, User: os.Getuid(), Now: time.Now,
	}
	if code := gt.Program(i).Prepare().Run(t.Context()); code != 0 {
		t.Fatalf("gt install: exit %d: %s", code, said.String())
	}
	return p
}

// placeAt runs bd in a directory.
func placeAt(t testing.TB, dir string) place {
	return place{t, dir, shell.Environment{"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com"}}
}

// with runs bd with streams.
func (p place) with(in io.Reader, out, said io.Writer, args ...string) (code int) {
	i := &shell.Invocation{
		Program: "bd", Args: args, Dir: p.dir, Env: p.env, Stdin: in, Stdout: out, Stderr: said, User: os.Getuid(), Now: time.Now,
	}
	return Program(i).Prepare().Run(p.t.Context())
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

func TestSplit(t *testing.T) {
	got := split([]string{"a, b,,c", "", " d "})
	if strings.Join(got, "|") != "a|b|c|d" {
		t.Errorf("%q", got)
	}
}

func TestDates(t *testing.T) {
	zone := time.FixedZone("there", 2*3600)
	now := time.Date(2026, 3, 10, 15, 4, 5, 0, zone)
	for in, want := range map[string]string{
		"now": "2026-03-10T15:04:05+02:00", "today": "2026-03-10T00:00:00+02:00", "Tomorrow": "2026-03-11T00:00:00+02:00",
		"yesterday": "2026-03-09T00:00:00+02:00", "2026-01-31": "2026-01-31T00:00:00+02:00",
		"2026-01-31T07:08:09Z": "2026-01-31T07:08:09Z", "2026-01-31 07:08": "2026-01-31T07:08:00+02:00",
		"+2d": "2026-03-12T15:04:05+02:00", "2d": "2026-03-12T15:04:05+02:00", "-6h": "2026-03-10T09:04:05+02:00", "-1w": "2026-03-03T15:04:05+02:00",
	} {
		got, err := parseDate(in, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s is %s, %v; want %s", in, got.Format(time.RFC3339), err, want)
		}
	}
	for _, in := range []string{"", "soon", "2026-02-30", "d", "+d", "1e9d", "9999999999d", "--2d", "2026-01-31T25:00:00Z", "5m"} {
		if got, err := parseDate(in, now); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%q is %s, %v", in, got, err)
		}
	}
}

// A tree shows every bead once, also when the links are a circle.
func TestGrow(t *testing.T) {
	node := func(id, parent string) leaf {
		return leaf{Item: ledger.Item{Bead: town.Bead{ID: id}}, Parent: parent}
	}
	var got []string
	for _, b := range grow([]leaf{node("c", "b"), node("a", ""), node("b", "a"), node("x", "y"), node("y", "x"), node("o", "elsewhere")}) {
		got = append(got, strings.Repeat("-", b.depth)+b.ID)
	}
	if want := "a -b --c o x y"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %s", got, want)
	}
}

func TestBeadLine(t *testing.T) {
	b := town.Bead{ID: "gt-1", Title: "x\ny\x1b[2J", Status: town.StatusOpen, Priority: 1, Type: town.TypeTask}
	if got := beadLine(b); got != "○ gt-1 P1 x\ny\x1b[2J" {
		t.Errorf("%q", got)
	}
	b.Type, b.Status, b.Assignee = town.TypeBug, "strange", "ada"
	var out bytes.Buffer
	p := term.New(&out, true)
	sayBead(p, "", b, "")
	if err := p.Flush(); err != nil || out.String() != "? gt-1 P1 [bug] x\\x0ay\\x1b[2J @ada\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// What is asked for is read and printed, in that order, and nothing else.
func TestPicked(t *testing.T) {
	text, err := json.Marshal(picked{town.Bead{ID: "a", Title: "t", Priority: 0, Status: "open"}, ledger.Fields{"status", "priority", "status", "notes"}})
	if err != nil || string(text) != `{"id":"a","status":"open","priority":0}` {
		t.Errorf("%s, %v", text, err)
	}
}

func TestArray(t *testing.T) {
	for n, want := range map[int]string{0: "[]\n", 1: "[\n  {\n    \"a\": \"<\"\n  }\n]\n"} {
		var out bytes.Buffer
		list := (&shell.Call{Invocation: &shell.Invocation{Stdout: &out}}).Array()
		for range n {
			if err := list.Add(map[string]string{"a": "<"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := list.End(); err != nil || out.String() != want {
			t.Errorf("%q, %v", out.String(), err)
		}
	}
}
