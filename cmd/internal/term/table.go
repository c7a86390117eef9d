package term

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// columnGap separates the columns of a table.
const columnGap = 2

// minColumn is the smallest width to which a column is cut.
const minColumn = 10

// maxAligned is the largest width to which a cell is padded when the stream is no
// terminal. Longer cells are printed whole and break the alignment.
const maxAligned = 200

// Table adds rows in aligned columns below a header. On a terminal, if a line does
// not fit, the last column is cut first, then the widest of the others.
func (p *Printer) Table(header []string, rows [][]string) { p.NewTable(header).Add(rows) }

// Table prints rows block by block, so that a long table is never in memory as a
// whole. Each block is aligned by itself; a column may become wider in a later
// block, but never narrower.
type Table struct {
	p      *Printer
	header []string // nil once it is printed
	widths []int    // widths of the widest cells so far, before columns are cut
}

// NewTable begins a table. Its header is printed above the first block.
func (p *Printer) NewTable(header []string) *Table {
	return &Table{p: p, header: header, widths: make([]int, len(header))}
}

// Add adds a block of rows to the printer.
func (t *Table) Add(rows [][]string) {
	all, first := rows, 0
	if t.header != nil {
		all, first, t.header = append([][]string{t.header}, rows...), 1, nil
	}
	cells := make([][]string, len(all))
	for i, row := range all {
		cells[i] = make([]string, len(row))
		for c, cell := range row {
			cells[i][c] = Clean(strings.ReplaceAll(cell, "\t", " "))
			t.widths[c] = max(t.widths[c], ansi.StringWidth(cells[i][c]))
		}
	}
	last := len(t.widths) - 1
	widths := slices.Clone(t.widths[:last])
	before := t.p.narrow(widths)
	for i, row := range cells {
		var line strings.Builder
		for c, cell := range row {
			if c < last {
				if t.p.width > 0 {
					cell = ansi.Truncate(cell, widths[c], "…")
				}
				cell += strings.Repeat(" ", max(widths[c]-ansi.StringWidth(cell), 0)+columnGap)
			} else {
				cell = t.p.fit(cell, t.p.width-before)
			}
			line.WriteString(cell)
		}
		text := strings.TrimRight(line.String(), " ")
		if i < first {
			t.p.Styled(Dim, "%s", text)
			continue
		}
		t.p.Line("%s", text)
	}
}

// narrow reduces the columns before the last one as far as needed, the widest
// first, and returns their total width with gaps.
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

// fit cuts text at the end of a terminal's line.
func (p *Printer) fit(text string, columns int) string {
	if p.width == 0 {
		return text
	}
	return ansi.Truncate(text, max(minColumn, columns), "…")
}

// Fit is a line as it is printed: cleaned, and on a terminal cut to its width.
func (p *Printer) Fit(text string) string {
	return p.fit(Clean(strings.ReplaceAll(text, "\t", " ")), p.width)
}

// Wrapped adds a text that begins with a label. On a terminal it goes on below its own
// beginning where it does not fit into one line.
func (p *Printer) Wrapped(s Style, label, text string) {
	label, text = Clean(label), Clean(strings.ReplaceAll(text, "\t", " "))
	indent := ansi.StringWidth(label)
	if p.width > indent+minColumn {
		text = ansi.Wrap(text, p.width-indent, "")
	}
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			label = strings.Repeat(" ", indent)
		}
		if s == "" {
			p.Line("%s%s", label, line)
		} else {
			p.Styled(s, "%s%s", label, line)
		}
	}
}
