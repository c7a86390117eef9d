package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/aymanbagabas/go-udiff"

	"gastown/town"
)

// diffOptions are those of gt federation diff.
type diffOptions struct {
	app  *App
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

func (a *App) configureDiff(fed *kingpin.CmdClause) {
	o := &diffOptions{app: a}
	c := a.add(fed, "diff", "Show edits that are not recorded.",
		examples("gt federation diff", "gt federation diff role/mayor formula/release"), o.run)
	c.Arg("document", "KIND/NAME, or the file's path.").PlaceHolder("KIND/NAME").StringsVar(&o.what)
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
	h, err := o.app.open()
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
	return o.app.show(out, func(p *printer) {
		for _, d := range out {
			p.diff(d.Diff)
			if d.Error != "" {
				p.styled(styleBad, "%s: %s", d.Path, d.Error)
			}
		}
	})
}

// diff adds a unified diff.
func (p *printer) diff(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
			p.styled(styleHead, "%s", line)
		case strings.HasPrefix(line, "@@"):
			p.styled(styleHunk, "%s", line)
		case strings.HasPrefix(line, "+"):
			p.styled(styleGood, "%s", line)
		case strings.HasPrefix(line, "-"):
			p.styled(styleBad, "%s", line)
		default:
			p.line("%s", line)
		}
	}
}

// parseKey reads KIND/NAME or a path of a document's file.
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
