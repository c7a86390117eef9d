package cli

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"pgregory.net/rapid"

	"gastown/cmd/internal/shell"
	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/town"
)

// nasty are values that have ended statements, patterns, lists or terminals.
var nasty = []string{
	`'`, `"`, "`", `\`, `\'`, `'; DROP TABLE issues; -- `, `" OR 1=1 -- `, `') OR ('1'='1`, `' UNION SELECT value FROM meta -- `,
	`/* */ # `, `%`, `_`, `\%`, `?`, `??`, "a\x00b", "\x1b[2J", "\xff\xfe", "\u202e", `{}`, `[]`, `null`, "a,b", ",", "-", "--", "-x",
	"../../etc/passwd", "@file", "$(id)", "1e400", "-1", "99999999999999999999", "\n", " ", "表", strings.Repeat("x", 300),
	"CALL DOLT_RESET('--hard')", "'; CALL DOLT_REMOTE('add','x','file:///tmp/x'); -- ",
}

// hostileText draws one of them, or text of its own with some in it.
func hostileText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(nasty), rapid.String(), rapid.Custom(func(t *rapid.T) string {
		return rapid.String().Draw(t, "before") + rapid.SampledFrom(nasty).Draw(t, "middle") + rapid.String().Draw(t, "after")
	}))
}

// fileFlags name files; they are no part of a statement.
var fileFlags = []string{"output", "input", "body-file", "batch", "file", "town"}

// Whatever stands in an argument of whatever command, it is a value and never a
// piece of a statement: nothing that was there changes, and bd ends in order.
func TestArgumentsAreValues(t *testing.T) {
	p := newPlace(t)
	kept := p.id("kept", "-d", "as it is", "-l", "safe")
	before := p.must("show", kept, "--json")
	readers, writers := shapes(t)
	rapid.Check(t, func(rt *rapid.T) {
		list := readers
		if rapid.IntRange(0, 3).Draw(rt, "kind") == 0 {
			list = writers
		}
		s := rapid.SampledFrom(list).Draw(rt, "command")
		args := s.draw(rt)
		for _, a := range args {
			if strings.Contains(a, kept) {
				rt.Skip("names the bead that is kept")
			}
		}
		code, out, said := p.run(args...)
		if code != shell.ExitOK && code != shell.ExitFailed && code != shell.ExitUsage && code != shell.ExitRefused {
			rt.Fatalf("bd %q: exit %d: %s", args, code, said)
		}
		if strings.Contains(said+out, "syntax error at position") {
			rt.Fatalf("bd %q: a value became part of a statement: %s", args, said)
		}
		if strings.ContainsAny(said, "\x1b\x00") {
			rt.Fatalf("bd %q: a control character: %q", args, said)
		}
	})
	if after := p.must("show", kept, "--json"); after != before {
		t.Errorf("was\n%s\nis\n%s", before, after)
	}
	var health diagnosis
	p.json(&health, "doctor")
	if !health.Overall {
		t.Errorf("%+v", health)
	}
}

// shape is a command with the arguments it takes.
type shape struct {
	path  []string
	flags []string
	args  int
}

// shapes reads every command off the parser, so that none is forgotten.
func shapes(t *testing.T) (readers, writers []shape) {
	parser := Program(&shell.Invocation{})
	writing := map[string]bool{"create": true, "comment": true, "label": true, "dep": true}
	skipped := map[string]bool{"help": true, "export": true, "import": true, "completion": true, "config": true, "version": true}
	var walk func(list []*kingpin.CmdModel, path []string)
	walk = func(list []*kingpin.CmdModel, path []string) {
		for _, c := range list {
			at := append(append([]string{}, path...), c.Name)
			if skipped[at[0]] {
				continue
			}
			if len(c.Commands) > 0 {
				walk(c.Commands, at)
				continue
			}
			s := shape{path: at, args: len(c.Args)}
			for _, f := range c.Flags {
				if !f.IsBoolFlag() && !slices.Contains(fileFlags, f.Name) {
					s.flags = append(s.flags, f.Name)
				}
			}
			if writing[at[0]] {
				writers = append(writers, s)
			} else {
				readers = append(readers, s)
			}
		}
	}
	walk(parser.Model().Commands, nil)
	if len(readers) < 8 || len(writers) < 8 {
		t.Fatalf("%d and %d commands", len(readers), len(writers))
	}
	return readers, writers
}

func (s shape) draw(rt *rapid.T) []string {
	args := append([]string{}, s.path...)
	if len(s.flags) > 0 {
		for range rapid.IntRange(0, 3).Draw(rt, "flags") {
			args = append(args, "--"+rapid.SampledFrom(s.flags).Draw(rt, "flag")+"="+hostileText().Draw(rt, "value"))
		}
	}
	if s.args > 0 {
		args = append(args, "--")
		for range s.args {
			args = append(args, hostileText().Draw(rt, "argument"))
		}
	}
	return args
}

// filterFlags are flags of which each has a language of its own.
var filterFlags = []string{
	"status", "type", "priority", "assignee", "label", "id", "prefix", "sort", "limit", "offset", "created-after", "due-before",
	"created-before", "closed-after", "parent", "owner", "label-not",
}

// checkFilter: what flags describe either is a filter, which the database runs,
// or is refused as usage.
func checkFilter(ctx context.Context, t rapid.TB, store *ledger.Store, flags ...[2]string) {
	app := kingpin.New("bd", "")
	app.Terminate(nil)
	app.UsageWriter(&bytes.Buffer{}).ErrorWriter(&bytes.Buffer{})
	var set filters
	set.flags(app.Command("list", ""))
	args := []string{"list"}
	for _, f := range flags {
		args = append(args, "--"+f[0]+"="+f[1])
	}
	if _, err := app.Parse(args); err != nil {
		return
	}
	got, err := set.build(time.Unix(1e9, 0), true)
	if err != nil {
		if shell.ExitCode(err) != shell.ExitUsage && !strings.Contains(err.Error(), town.ErrBadBead.Error()) {
			t.Errorf("%q: %v", args, err)
		}
		return
	}
	for _, o := range got.Sort {
		if !slices.Contains(ledger.FieldNames(), o.Field) {
			t.Errorf("sorts by %q", o.Field)
		}
	}
	for _, s := range append(got.Statuses, got.Not...) {
		if _, err := town.ParseStatus(string(s)); err != nil {
			t.Error(err)
		}
	}
	got.Fields = ledger.Fields{"id"}
	n := 0
	count := func(ledger.Item) error {
		n++
		return nil
	}
	if err := store.List(ctx, got, count); err != nil && !errors.Is(err, town.ErrBadBead) {
		t.Errorf("%q: %v", args, err)
	} else if err == nil && (got.Limit > 0 && n > got.Limit) {
		t.Errorf("%q: %d beads", args, n)
	}
}

// someLedger is one with a bead in it.
func someLedger(t testing.TB) *ledger.Store {
	s, err := ledger.Create(t.Context(), doltdb.Options{
		Dir: filepath.Join(t.TempDir(), "ledger"), Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: time.Minute, Command: "test",
	}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a13")
	if err == nil {
		_, err = s.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{Title: "one"}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestFlagsAreFilters(t *testing.T) {
	s := someLedger(t)
	flag := rapid.SampledFrom(filterFlags)
	rapid.Check(t, func(rt *rapid.T) {
		checkFilter(t.Context(), rt, s, [2]string{flag.Draw(rt, "flag"), hostileText().Draw(rt, "value")}, [2]string{flag.Draw(rt, "other"), hostileText().Draw(rt, "otherValue")})
	})
}

// FuzzFilters gives two flags any values.
func FuzzFilters(f *testing.F) {
	add := func(flag, value, other, otherValue string) {
		f.Add(uint8(slices.Index(filterFlags, flag)), value, uint8(slices.Index(filterFlags, other)), otherValue)
	}
	for _, s := range nasty {
		add("status", s, "assignee", s)
		add("sort", s, "label", s)
		add("created-after", s, "parent", s)
	}
	for _, date := range []string{"+2w", "-99999999w", "0000-01-01", "9999-12-31T23:59:59+23:59", "2026-02-30", "yesterday", "-9223372036854775808h", "99999999999999d"} {
		add("due-before", date, "closed-after", date)
	}
	add("status", "open,in-progress,all", "sort", "-updated,id")
	add("limit", "9223372036854775807", "offset", "9223372036854775807")
	add("limit", "10", "offset", "99999999999")
	store := someLedger(f)
	flag := func(n uint8) string { return filterFlags[int(n)%len(filterFlags)] }
	f.Fuzz(func(t *testing.T, first uint8, value string, second uint8, other string) {
		checkFilter(t.Context(), t, store, [2]string{flag(first), value}, [2]string{flag(second), other})
	})
}
