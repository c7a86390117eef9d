// Package view prints beads for people, and picks fields of them for JSON.
package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// LineFields are the fields that Line needs. The caller may change the list.
func LineFields() ledger.Fields { return ledger.LineFields() }

// Glyph shows a status in one column.
func Glyph(s town.Status) string {
	switch s {
	case town.StatusOpen:
		return "○"
	case town.StatusInProgress:
		return "◐"
	case town.StatusBlocked:
		return "●"
	case town.StatusClosed:
		return "✓"
	case town.StatusDeferred:
		return "❄"
	case town.StatusPinned:
		return "⚑"
	case town.StatusHooked:
		return "◇"
	}
	return "?"
}

// style returns the colour of a status; ok is false where it has none.
func style(s town.Status) (_ term.Style, ok bool) {
	switch s {
	case town.StatusInProgress, town.StatusHooked:
		return term.Warn, true
	case town.StatusBlocked:
		return term.Bad, true
	case town.StatusClosed, town.StatusDeferred:
		return term.Dim, true
	}
	return "", false
}

// Line is a bead on one line: status, id, priority, type unless it is a common
// one, title, assignee.
func Line(b town.Bead) string {
	parts := []string{Glyph(b.Status), b.ID, fmt.Sprintf("P%d", b.Priority)}
	if b.Type != town.TypeTask && b.Type != town.TypeFeature {
		parts = append(parts, "["+string(b.Type)+"]")
	}
	parts = append(parts, b.Title)
	if b.Assignee != "" {
		parts = append(parts, "@"+b.Assignee)
	}
	return strings.Join(parts, " ")
}

// Bead prints a bead's line, between an indent and more, in the colour of its
// status.
func Bead(p *term.Printer, indent string, b town.Bead, more string) {
	line := p.Fit(indent + Line(b) + more)
	if s, ok := style(b.Status); ok {
		p.Styled(s, "%s", line)
		return
	}
	p.Line("%s", line)
}

// Tally counts beads by status.
type Tally map[town.Status]int

func (t Tally) String() string {
	total := 0
	var parts []string
	custom := slices.DeleteFunc(slices.Sorted(maps.Keys(t)), func(s town.Status) bool { return slices.Contains(town.Statuses, s) })
	for _, s := range slices.Concat(town.Statuses, custom) {
		if n := t[s]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ReplaceAll(string(s), "_", " ")))
		}
	}
	if len(parts) == 0 {
		return "No beads"
	}
	return fmt.Sprintf("Total: %s (%s)", term.Plural(total, "bead", "beads"), strings.Join(parts, ", "))
}

// Time is a time for people, in the local zone.
func Time(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// By names an author after something; "" for an unknown one.
func By(name string) string {
	if name == "" {
		return ""
	}
	return " by " + name
}

// Section prints a text under a heading, and nothing without a text.
func Section(p *term.Printer, name, text string) {
	if text != "" {
		p.Line("")
		p.Styled(term.Head, "%s", name)
		p.Body("  ", text)
	}
}

// Comment prints a comment.
func Comment(p *term.Printer, c town.Comment) {
	p.Line("  %s%s", Time(c.CreatedAt), By(c.Author))
	p.Body("    ", c.Text)
}

// Done reports a change that was made: value with --json, else one line. --quiet
// leaves it out.
func Done(call *shell.Call, value any, format string, args ...any) error {
	return call.Changed(value, func(p *term.Printer) { p.Styled(term.Good, format, args...) })
}

// Beads reports beads that were changed: all of them with --json, else a line for
// each of the first.
func Beads(call *shell.Call, verb string, list []town.Bead) error {
	if list == nil {
		list = []town.Bead{}
	}
	return call.Changed(list, func(p *term.Printer) {
		const most = 20
		for i, b := range list {
			if i == most && len(list) > most+1 {
				p.Line("and %d more", len(list)-most)
				break
			}
			p.Styled(term.Good, "%s %s", verb, Line(b))
		}
	})
}
