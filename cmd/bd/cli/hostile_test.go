package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
	"pgregory.net/rapid"

	"gastown/cmd/bd/internal/hostile"
	"gastown/cmd/internal/shell"
)

// fileFlags name files, which never reach a statement.
var fileFlags = []string{"output", "input", "body-file", "batch", "file", "town"}

// Every argument of every command is a value, never a part of an SQL statement: the
// bead that exists does not change, and bd exits normally.
func TestArgumentsAreValues(t *testing.T) {
	p := newPlace(t)
	// A unique beginning of an id names a bead, and no id at all the one that was touched
	// last. Neither may be the bead that is kept.
	kept := p.id("kept", "-d", "as it is", "-l", "safe", "--id", "bd-keptone")
	p.id("another", "--id", "bd-keptother")
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
	var health struct {
		Overall  bool `json:"overall_ok"`
		Findings any  `json:"checks"`
	}
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

// shapes lists every command that the parser knows.
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
			args = append(args, "--"+rapid.SampledFrom(s.flags).Draw(rt, "flag")+"="+hostile.Text().Draw(rt, "value"))
		}
	}
	if s.args > 0 {
		args = append(args, "--")
		for range s.args {
			args = append(args, hostile.Text().Draw(rt, "argument"))
		}
	}
	return args
}
