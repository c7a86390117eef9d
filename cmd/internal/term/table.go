package term

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// columnGap separates the columns of a table.
const columnGap = 2

// minColumn is the least a column is cut to.
const minColumn = 10

// maxAligned is how wide a column is made where there is no terminal: what is
// longer stands out of line, and is not padded for.
const maxAligned = 200

// Table adds rows in aligned columns below a header. On a terminal the last
// column is cut where the line would not fit, then the widest of the others.
func (p *Printer) Table(header []string, rows [][]string) {
	widths := make([]int, len(header))
	all := append([][]string{header}, rows...)
	for i, row := range all {
		cells := make([]string, len(row))
		for c, cell := range row {
			cells[c] = Clean(strings.ReplaceAll(cell, "\t", " "))
			widths[c] = max(widths[c], ansi.StringWidth(cells[c]))
		}
		all[i] = cells
	}
	last := len(widths) - 1
	before := p.narrow(widths[:last])
	for i, row := range all {
		var line strings.Builder
		for c, cell := range row {
			if c < last {
				if p.width > 0 {
					cell = ansi.Truncate(cell, widths[c], "…")
				}
				cell += strings.Repeat(" ", max(widths[c]-ansi.StringWidth(cell), 0)+columnGap)
			} else {
				cell = p.fit(cell, p.width-before)
			}
			line.WriteString(cell)
		}
		text := strings.TrimRight(line.String(), " ")
		if i == 0 {
			p.Styled(Dim, "%s", text)
			continue
		}
		p.Line("%s", text)
	}
}

// narrow makes the columns before the last one as narrow as need be, the widest
// first, and says how much they take with their gaps.
func (p *Printer) narrow(widths []int) (before int) {
	for level := maxAligned; ; level-- {
		before = 0
		for c, w := range widths {
			widths[c] = min(w, level)
			before += widths[c] + columnGap
		}
		if p.width == 0 || before+minColumn <= p.width || level <= minColumn {
			return before
		}
	}
}

// fit cuts text where a terminal's line ends.
func (p *Printer) fit(text string, columns int) string {
	if p.width == 0 {
		return text
	}
	return ansi.Truncate(text, max(minColumn, columns), "…")
}

// Fit is a line as it is shown: cleaned, and on a terminal cut where it ends.
func (p *Printer) Fit(text string) string {
	return p.fit(Clean(strings.ReplaceAll(text, "\t", " ")), p.width)
}
