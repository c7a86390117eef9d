package federation

import (
	"context"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/aymanbagabas/go-udiff"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/layout"
)

// diffOptions are the options of gt federation diff.
type diffOptions struct {
	call *shell.Call
	what []string
}

// difference is one edited file for printing.
type difference struct {
	Document string `json:"document"`
	Path     string `json:"path"`
	State    string `json:"state"`
	Diff     string `json:"diff"`
	Error    string `json:"error,omitempty"`
}

func diffCommand() shell.Command {
	return shell.Command{
		Name: "diff", Help: "Show edits that are not recorded.",
		Examples: []string{"gt federation diff", "gt federation diff role/mayor formula/release"},
		Planes:   []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &diffOptions{call: call}
			c.Arg("document", "KIND/NAME, or the file's path.").PlaceHolder("KIND/NAME").StringsVar(&o.what)
			return o.run
		},
	}
}

func (o *diffOptions) run(ctx context.Context) error {
	var wanted []town.Key
	for _, what := range o.what {
		key, err := parseKey(what)
		if err != nil {
			return err
		}
		wanted = append(wanted, key)
	}
	h, err := open(o.call)
	if err != nil {
		return err
	}
	edited, err := h.engine.Diff(ctx)
	if err != nil {
		return err
	}
	out := []difference{}
	for _, f := range edited {
		if len(wanted) > 0 && !slices.Contains(wanted, f.Key) {
			continue
		}
		if f.Changing != nil {
			out = append(out, difference{f.Key.String(), f.Path(), f.State, "", "it was changed while it was read; run it again"})
			continue
		}
		from, to := "a/"+f.Path(), "b/"+f.Path()
		if f.State == "added" {
			from = "/dev/null"
		}
		if f.State == "deleted" {
			to = "/dev/null"
		}
		out = append(out, difference{f.Key.String(), f.Path(), f.State, udiff.Unified(from, to, f.Base, f.Text), ""})
	}
	return o.call.Show(out, func(p *term.Printer) {
		for _, d := range out {
			printDiff(p, d.Diff)
			if d.Error != "" {
				p.Styled(term.Bad, "%s: %s", d.Path, d.Error)
			}
		}
	})
}

// printDiff adds a unified diff.
func printDiff(p *term.Printer, text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
			p.Styled(term.Head, "%s", line)
		case strings.HasPrefix(line, "@@"):
			p.Styled(term.Hunk, "%s", line)
		case strings.HasPrefix(line, "+"):
			p.Styled(term.Good, "%s", line)
		case strings.HasPrefix(line, "-"):
			p.Styled(term.Bad, "%s", line)
		default:
			p.Line("%s", line)
		}
	}
}

// parseKey reads KIND/NAME or the path of a document's file.
func parseKey(what string) (town.Key, error) {
	if key, err := town.ParsePath(strings.TrimPrefix(strings.TrimPrefix(what, "./"), "federation/")); err == nil {
		return key, nil
	}
	key, err := town.ParseKey(what)
	if err != nil {
		return key, town.Fail("find "+town.Clip(what, 80), "name it as role/mayor, formula/release or template/handoff.md", "%w: %w", town.ErrUsage, err)
	}
	return key, nil
}
