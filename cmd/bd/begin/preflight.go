package begin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// preflightOptions are those of bd preflight.
type preflightOptions struct {
	call  *shell.Call
	check bool
}

// finding is one thing that bd preflight looked at.
type finding struct {
	Name    string `json:"name"`
	Passed  bool   `json:"passed"`
	Output  string `json:"output"`
	Command string `json:"command"`
}

func preflight() shell.Command {
	return shell.Command{
		Name: "preflight", Help: "Look, before work is handed in, whether your beads say what was done.",
		Examples: []string{"bd preflight", "bd preflight --check --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &preflightOptions{call: call}
			c.Flag("check", "Exit with 1 if something is left to do.").BoolVar(&o.check)
			return o.run
		},
	}
}

func (o *preflightOptions) run(ctx context.Context) error {
	const op = "look before handing in"
	var begun, waiting []string
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		mine := ledger.Filter{Statuses: []town.Status{town.StatusInProgress, town.StatusHooked}, Assignees: []string{l.Host.Actor.Name}, Limit: 100}
		err := l.List(ctx, mine, func(i ledger.Item) error {
			begun = append(begun, i.ID)
			return nil
		})
		if err != nil {
			return err
		}
		blocked, err := l.Blocked(ctx, mine)
		for _, w := range blocked {
			waiting = append(waiting, w.ID)
		}
		return err
	})
	if err != nil {
		return session.Fail(op, err)
	}
	checks := []finding{
		{"begun", len(begun) == 0, "begun and not closed: " + some(begun), "bd close ID --reason TEXT, or bd update ID --status open"},
		{"waiting", len(waiting) == 0, "begun, and waiting for others: " + some(waiting), "bd blocked"},
	}
	passed := !slices.ContainsFunc(checks, func(f finding) bool { return !f.Passed })
	err = o.call.Show(struct {
		Checks []finding `json:"checks"`
		Passed bool      `json:"passed"`
	}{checks, passed}, func(p *term.Printer) {
		for _, f := range checks {
			if f.Passed {
				p.Line("ok    %s", p.Fit(f.Output))
				continue
			}
			p.Line("look  %s", p.Fit(f.Output))
			p.Line("      next: %s", f.Command)
		}
	})
	if err == nil && o.check && !passed {
		return shell.Shown(nil)
	}
	return err
}

// some names a few ids.
func some(ids []string) string {
	const most = 5
	switch {
	case len(ids) == 0:
		return "none"
	case len(ids) > most:
		return strings.Join(ids[:most], ", ") + fmt.Sprintf(" and %d more", len(ids)-most)
	}
	return strings.Join(ids, ", ")
}
