package cli

import (
	"fmt"
	"strings"

	"gastown/cmd/internal/term"
	"gastown/town"
)

// glyphs show a status in one column.
var glyphs = map[town.Status]string{
	town.StatusOpen: "○", town.StatusInProgress: "◐", town.StatusBlocked: "●", town.StatusClosed: "✓",
	town.StatusDeferred: "❄", town.StatusPinned: "⚑", town.StatusHooked: "◇",
}

// shades are the colours of a status.
var shades = map[town.Status]term.Style{
	town.StatusInProgress: term.Warn, town.StatusHooked: term.Warn, town.StatusBlocked: term.Bad, town.StatusClosed: term.Dim,
	town.StatusDeferred: term.Dim,
}

func glyph(s town.Status) string {
	if g, ok := glyphs[s]; ok {
		return g
	}
	return "?"
}

// beadLine is a bead on one line: status, id, priority, type unless it is a
// usual one, title.
func beadLine(b town.Bead) string {
	parts := []string{glyph(b.Status), b.ID, fmt.Sprintf("P%d", b.Priority)}
	if b.Type != town.TypeTask && b.Type != town.TypeFeature {
		parts = append(parts, "["+string(b.Type)+"]")
	}
	parts = append(parts, b.Title)
	if b.Assignee != "" {
		parts = append(parts, "@"+b.Assignee)
	}
	return strings.Join(parts, " ")
}

// sayBead prints a bead's line below some others, more being what follows it.
func sayBead(p *term.Printer, indent string, b town.Bead, more string) {
	line := p.Fit(indent + beadLine(b) + more)
	if shade, ok := shades[b.Status]; ok {
		p.Styled(shade, "%s", line)
		return
	}
	p.Line("%s", line)
}

// tally counts beads by status.
type tally map[town.Status]int

func (t tally) String() string {
	total := 0
	var parts []string
	for _, s := range town.Statuses {
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
