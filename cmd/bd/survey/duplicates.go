package survey

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
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

// twin is a bead that says the same as another one.
type twin struct {
	ID       string      `json:"id"`
	Title    string      `json:"title"`
	Status   town.Status `json:"status"`
	Priority int         `json:"priority"`
	// References is how often texts of other beads name it.
	References   int `json:"references"`
	Dependents   int `json:"dependents"`
	Dependencies int `json:"dependencies"`
	// Weight says how much would be lost with it: dependents count three times.
	Weight int  `json:"weight"`
	Target bool `json:"is_merge_target"`
}

// twins are beads that say the same. The target is the one to keep.
type twins struct {
	Title   string   `json:"title"`
	Issues  []twin   `json:"issues"`
	Target  string   `json:"suggested_target"`
	Sources []string `json:"suggested_sources"`
	Action  string   `json:"suggested_action"`
	Note    string   `json:"note"`
}

// Duplicates is bd duplicates.
func Duplicates() shell.Command {
	return shell.Command{
		Name: "duplicates", Help: "Find beads that are not closed and say exactly the same, and which of them to keep.",
		Examples: []string{"bd duplicates", "bd duplicates --json", "bd duplicates --auto-merge    # closes the others, and moves their children"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, WritesWith: []string{"auto-merge"}, WritePermission: shell.MayWriteLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			merge := c.Flag("auto-merge", "Close all but the one to keep, link them to it, and make their children its own.").Bool()
			dry := c.Flag("dry-run", "Change nothing, also with --auto-merge.").Bool()
			return func(ctx context.Context) error { return showDuplicates(ctx, call, *merge && !*dry) }
		},
	}
}

func showDuplicates(ctx context.Context, call *shell.Call, merge bool) error {
	var groups []twins
	var merged []merging
	err := session.Use(ctx, call, func(l *session.Ledger) (err error) {
		if groups, err = findDuplicates(ctx, l); err == nil && merge && len(groups) > 0 {
			merged, err = mergeDuplicates(ctx, l, groups)
		}
		return err
	})
	if err != nil {
		return session.Fail("look for duplicates", err)
	}
	return call.Show(struct {
		Count  int       `json:"duplicate_groups"`
		Groups []twins   `json:"groups"`
		Merged []merging `json:"merge_results,omitempty"`
	}{len(groups), groups, merged}, func(p *term.Printer) {
		for _, g := range groups {
			for _, t := range g.Issues {
				mark := "  "
				if t.Target {
					mark = "* "
				}
				view.Bead(p, mark, town.Bead{ID: t.ID, Title: t.Title, Status: t.Status, Priority: t.Priority, Type: town.TypeTask},
					fmt.Sprintf("  %s, %s", term.Plural(t.Dependents, "dependent", "dependents"), term.Plural(t.References, "mention", "mentions")))
			}
			if !merge {
				p.Styled(term.Dim, "    %s", g.Action)
			}
		}
		switch {
		case len(groups) == 0:
			p.Line("No two beads say the same.")
		case merge:
			p.Styled(term.Good, "merged %s", term.Plural(len(groups), "group", "groups"))
		}
	})
}

// findDuplicates reads every open bead once and, if some are alike, every bead once
// more to count who names those.
func findDuplicates(ctx context.Context, r session.Reader) ([]twins, error) {
	byText := map[[sha256.Size]byte][]twin{}
	open := ledger.Filter{
		Not:    []town.Status{town.StatusClosed},
		Fields: ledger.Fields{"title", "description", "design", "acceptance_criteria", "status", "priority", "dependency_count", "dependent_count"},
	}
	err := r.List(ctx, open, func(i ledger.Item) error {
		key := sha256.Sum256(fmt.Appendf(nil, "%q", []string{i.Title, i.Description, i.Design, i.AcceptanceCriteria, string(i.Status)}))
		byText[key] = append(byText[key], twin{
			ID: i.ID, Title: i.Title, Status: i.Status, Priority: i.Priority, Dependents: i.DependentCount, Dependencies: i.DependencyCount,
			Weight: 3*i.DependentCount + i.DependencyCount,
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	mentions := map[string]int{}
	for key, group := range byText {
		if len(group) < 2 {
			delete(byText, key)
			continue
		}
		for _, t := range group {
			mentions[t.ID] = 0
		}
	}
	if len(byText) > 0 {
		if err := countMentions(ctx, r, mentions); err != nil {
			return nil, err
		}
	}
	groups := []twins{}
	for _, group := range byText {
		groups = append(groups, suggest(group, mentions))
	}
	slices.SortFunc(groups, func(a, b twins) int { return cmp.Compare(a.Target, b.Target) })
	return groups, nil
}

// idPattern finds what may be an id in a text.
var idPattern = regexp.MustCompile(`[A-Za-z][A-Za-z0-9_.-]*-[A-Za-z0-9.]+`)

// countMentions counts how often the texts of beads name each of some ids.
func countMentions(ctx context.Context, r session.Reader, mentions map[string]int) error {
	texts := ledger.Filter{Fields: ledger.Fields{"description", "design", "acceptance_criteria", "notes"}}
	return r.List(ctx, texts, func(i ledger.Item) error {
		for _, text := range []string{i.Description, i.Design, i.AcceptanceCriteria, i.Notes} {
			for _, word := range idPattern.FindAllString(text, -1) {
				word = strings.TrimRight(word, ".")
				if _, asked := mentions[word]; asked {
					mentions[word]++
				}
			}
		}
		return nil
	})
}

// suggest chooses which bead to keep: the one with most links, then the one that
// is named most often, then the first by id.
func suggest(group []twin, mentions map[string]int) twins {
	for i := range group {
		group[i].References = mentions[group[i].ID]
	}
	slices.SortFunc(group, func(a, b twin) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(b.References, a.References), cmp.Compare(a.ID, b.ID))
	})
	group[0].Target = true
	g := twins{Title: group[0].Title, Issues: group, Target: group[0].ID}
	var actions []string
	for _, t := range group[1:] {
		g.Sources = append(g.Sources, t.ID)
		actions = append(actions, fmt.Sprintf("bd duplicate %s --of %s", t.ID, g.Target))
	}
	g.Action = strings.Join(actions, " && ")
	g.Note = strings.Join(g.Sources, ", ") + " say the same as " + g.Target
	return g
}
