package term

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// columnGap separates the columns of a table.
const columnGap = 2

// minLastColumn is the least the last column is cut to.
const minLastColumn = 10

// Table adds rows in aligned columns below a header. On a terminal the last
// column is cut where the line would not fit.
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
	before := 0
	for _, w := range widths[:len(widths)-1] {
		before += w + columnGap
	}
	for i, row := range all {
		var line strings.Builder
		for c, cell := range row {
			if c < len(row)-1 {
				cell += strings.Repeat(" ", widths[c]-ansi.StringWidth(cell)+columnGap)
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

// fit cuts text where a terminal's line ends.
func (p *Printer) fit(text string, columns int) string {
	if p.width == 0 {
		return text
	}
	return ansi.Truncate(text, max(minLastColumn, columns), "…")
}

// Fit is a line as it is shown: cleaned, and on a terminal cut where it ends.
func (p *Printer) Fit(text string) string {
	return p.fit(Clean(strings.ReplaceAll(text, "\t", " ")), p.width)
}
