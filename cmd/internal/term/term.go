// Package term puts text on terminals and into pipes: aligned tables, colours
// where people sit, and no control character whatever a name, a message or a
// remote may contain. gt and bd share it.
package term

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Style is a colour by its purpose.
type Style string

// The styles, as terminals number them.
const (
	Good Style = "32"
	Bad  Style = "31"
	Warn Style = "33"
	Head Style = "1"
	Dim  Style = "2"
	Hunk Style = "36"
)

// Printer collects text for one stream; Flush writes it.
type Printer struct {
	w     io.Writer
	text  strings.Builder
	color bool
	// width is the terminal's in columns; 0 where there is none.
	width int
}

// New returns a printer for a stream. Colours are used only on a terminal, and
// only when color allows them.
func New(w io.Writer, color bool) *Printer {
	width, terminal := Width(w)
	return &Printer{w: w, color: color && terminal, width: width}
}

// Colors says whether colours are welcome in an environment.
func Colors(getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// Width is the stream's in columns; 0 where there is none.
func (p *Printer) Width() int { return p.width }

// Line adds one line. Line ends within it are shown, not made.
func (p *Printer) Line(format string, args ...any) {
	p.text.WriteString(Clean(fmt.Sprintf(format, args...)))
	p.text.WriteByte('\n')
}

// Styled is Line in a colour.
func (p *Printer) Styled(s Style, format string, args ...any) {
	if !p.color {
		p.Line(format, args...)
		return
	}
	p.text.WriteString("\x1b[" + string(s) + "m" + Clean(fmt.Sprintf(format, args...)) + "\x1b[0m\n")
}

// Body adds a text of several lines under an indent.
func (p *Printer) Body(indent, text string) {
	for line := range strings.Lines(text) {
		p.Line("%s%s", indent, strings.TrimSuffix(line, "\n"))
	}
}

// Flush writes what was collected, and empties the printer.
func (p *Printer) Flush() error {
	text := p.text.String()
	p.text.Reset()
	_, err := io.WriteString(p.w, text)
	return err
}

// IsTerminal reports whether a stream is one people sit at.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Width is that of a terminal in columns, 0 when it does not tell.
func Width(stream any) (columns int, terminal bool) {
	if !IsTerminal(stream) {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(stream.(*os.File).Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, true
	}
	return int(size.Col), true
}
