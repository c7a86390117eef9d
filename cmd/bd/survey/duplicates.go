package survey

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// twins are beads that say the same, with the command that merges them.
type twins struct {
	ledger.Twins
	Action string `json:"suggested_action"`
	Note   string `json:"note"`
}

// Duplicates is bd duplicates.
func Duplicates() shell.Command {
	return shell.Command{
		Name: "duplicates", Help: "Find beads that are not closed and say exactly the same, and which of them to keep.",
		Examples: []string{"bd duplicates", "bd duplicates --json", "bd duplicates --auto-merge    # closes the others, and moves their children"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, WritesWith: []string{"auto-merge"}, DryWith: []string{"dry-run"}, WritePermission: shell.MayWriteLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			merge := c.Flag("auto-merge", "Close all but the one to keep, link them to it, and make their children its own.").Bool()
			dry := c.Flag("dry-run", "Change nothing, also with --auto-merge.").Bool()
			return func(ctx context.Context) error { return showDuplicates(ctx, call, *merge && !*dry) }
		},
	}
}

func showDuplicates(ctx context.Context, call *shell.Call, merge bool) error {
	var found []ledger.Twins
	var merged []ledger.Merged
	err := session.Use(ctx, call, func(l *session.Ledger) (err error) {
		if found, err = l.Duplicates(ctx); err != nil || !merge || len(found) == 0 {
			return err
		}
		return l.Together(ctx, fmt.Sprintf("merge %d groups of duplicates", len(found)), func(c *ledger.Change) (err error) {
			merged, err = c.MergeTwins(ctx, found)
			return err
		})
	})
	if err != nil {
		return session.Fail("look for duplicates", err)
	}
	groups := make([]twins, len(found))
	for i, t := range found {
		var actions []string
		for _, source := range t.Sources {
			actions = append(actions, "bd duplicate "+source+" --of "+t.Target)
		}
		groups[i] = twins{t, strings.Join(actions, " && "), strings.Join(t.Sources, ", ") + " say the same as " + t.Target}
	}
	return call.Show(struct {
		Count  int             `json:"duplicate_groups"`
		Groups []twins         `json:"groups"`
		Merged []ledger.Merged `json:"merge_results,omitempty"`
	}{len(groups), groups, merged}, func(p *term.Printer) { sayDuplicates(p, groups, merge) })
}

func sayDuplicates(p *term.Printer, groups []twins, merged bool) {
	for _, g := range groups {
		for _, t := range g.Issues {
			mark := "  "
			if t.Target {
				mark = "* "
			}
			view.Bead(p, mark, town.Bead{ID: t.ID, Title: t.Title, Status: t.Status, Priority: t.Priority, Type: town.TypeTask},
				fmt.Sprintf("  %s, %s", term.Plural(t.Dependents, "dependent", "dependents"), term.Plural(t.References, "mention", "mentions")))
		}
		if !merged {
			p.Styled(term.Dim, "    %s", g.Action)
		}
	}
	switch {
	case len(groups) == 0:
		p.Line("No two beads say the same.")
	case merged:
		p.Styled(term.Good, "merged %s", term.Plural(len(groups), "group", "groups"))
	}
}
