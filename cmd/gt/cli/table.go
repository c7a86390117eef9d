package cli

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// columnGap separates the columns of a table.
const columnGap = 2

// minLastColumn is the least the last column is cut to.
const minLastColumn = 10

// table adds rows in aligned columns below a header. On a terminal the last
// column is cut where the line would not fit.
func (p *printer) table(header []string, rows [][]string) {
	widths := make([]int, len(header))
	all := append([][]string{header}, rows...)
	for i, row := range all {
		cells := make([]string, len(row))
		for c, cell := range row {
			cells[c] = clean(strings.ReplaceAll(cell, "\t", " "))
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
			} else if p.width > 0 {
				cell = ansi.Truncate(cell, max(minLastColumn, p.width-before), "…")
			}
			line.WriteString(cell)
		}
		text := strings.TrimRight(line.String(), " ")
		if i == 0 {
			p.styled(styleDim, "%s", text)
			continue
		}
		p.line("%s", text)
	}
}
