package survey

import (
	"cmp"
	"context"
	"fmt"
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

// word is a status or a type that bd knows.
type word struct {
	Name        string `json:"name"`
	Category    string `json:"category,omitempty"`
	Icon        string `json:"icon,omitempty"`
	Description string `json:"description,omitempty"`
}

// statuses are the statuses that every ledger has. The category says how lists
// treat them: active is work to take up, wip is taken up, frozen waits, done is
// over.
var statuses = []word{
	{Name: string(town.StatusOpen), Category: "active", Description: "to be taken up; what a new bead is"},
	{Name: string(town.StatusInProgress), Category: "wip", Description: "somebody works on it"},
	{Name: string(town.StatusHooked), Category: "wip", Description: "on an agent's hook"},
	{Name: string(town.StatusBlocked), Category: "wip", Description: "waits for something else"},
	{Name: string(town.StatusDeferred), Category: "frozen", Description: "put aside on purpose"},
	{Name: string(town.StatusPinned), Category: "frozen", Description: "a standing note that stays open"},
	{Name: string(town.StatusClosed), Category: "done", Description: "done, or given up"},
}

// meanings says what the types of people's work are for.
var meanings = map[town.BeadType]string{
	town.TypeTask:    "any piece of work; what a new bead is",
	town.TypeBug:     "something that is wrong",
	town.TypeFeature: "something new",
	town.TypeChore:   "upkeep that nobody sees",
	town.TypeEpic:    "work of several beads, its children",
	"decision":       "a choice, with its reasons",
	"spike":          "a look ahead, bounded in time",
	"story":          "what a user wants to do",
	"milestone":      "a point that several beads lead to",
}

// unspecified is the category of a custom status that gives none.
const unspecified = "unspecified"

// custom reads the words that a setting adds, each with its category.
func custom(ctx context.Context, call *shell.Call, setting string) (words []word, err error) {
	err = session.Use(ctx, call, func(l *session.Ledger) error {
		value, _, err := l.Setting(ctx, setting)
		for w := range strings.SplitSeq(value, ",") {
			name, category, _ := strings.Cut(w, ":")
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
				words = append(words, word{Name: name, Category: cmp.Or(strings.TrimSpace(category), unspecified)})
			}
		}
		return err
	})
	return words, session.Fail("read the setting "+setting, err)
}

// Statuses is bd statuses.
func Statuses() shell.Command {
	return shell.Command{
		Name: "statuses", Help: "List the statuses a bead may have.",
		Examples: []string{"bd statuses", "bd statuses --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(ctx context.Context) error { return showStatuses(ctx, call) }
		},
	}
}

func showStatuses(ctx context.Context, call *shell.Call) (err error) {
	var out struct {
		BuiltIn []word `json:"built_in_statuses"`
		Custom  []word `json:"custom_statuses,omitempty"`
	}
	if out.Custom, err = custom(ctx, call, ledger.CustomStatuses); err != nil {
		return err
	}
	for _, s := range statuses {
		s.Icon = view.Glyph(town.Status(s.Name))
		out.BuiltIn = append(out.BuiltIn, s)
	}
	return call.Show(out, func(p *term.Printer) {
		for _, s := range slices.Concat(out.BuiltIn, out.Custom) {
			p.Line("%s", p.Fit(fmt.Sprintf("%s %-12s %-7s %s", view.Glyph(town.Status(s.Name)), s.Name, s.Category, s.Description)))
		}
	})
}

// Types is bd types.
func Types() shell.Command {
	return shell.Command{
		Name: "types", Help: "List the types of work a bead may be.",
		Examples: []string{"bd types", "bd types --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(ctx context.Context) error { return showTypes(ctx, call) }
		},
	}
}

func showTypes(ctx context.Context, call *shell.Call) error {
	added, err := custom(ctx, call, ledger.CustomTypes)
	if err != nil {
		return err
	}
	var out struct {
		Core   []word   `json:"core_types"`
		Custom []string `json:"custom_types,omitempty"`
	}
	for _, t := range town.WorkTypes {
		out.Core = append(out.Core, word{Name: string(t), Description: meanings[t]})
	}
	for _, t := range added {
		out.Custom = append(out.Custom, t.Name)
	}
	return call.Show(out, func(p *term.Printer) {
		for _, t := range out.Core {
			p.Line("%s", p.Fit(fmt.Sprintf("%-12s %s", t.Name, t.Description)))
		}
		for _, name := range out.Custom {
			p.Line("%s", p.Fit(name))
		}
	})
}
