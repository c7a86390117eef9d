// Package term writes text to terminals and pipes: aligned tables, colours on
// terminals only, and no control character, whatever a name, a message or a remote
// contains. gt and bd share it.
package term

import (
	"fmt"
	"io"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Style is a colour, named by its purpose.
type Style string

// The styles, with their ANSI numbers.
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
	// width is the terminal's width in columns; 0 if the stream is no terminal.
	width int
	once  map[string]bool
}

// New returns a printer for a stream. Colours are used only on a terminal, and
// only when color allows them.
func New(w io.Writer, color bool) *Printer {
	width, terminal := Width(w)
	return &Printer{w: w, color: color && terminal, width: width}
}

// Colors reports whether an environment allows colours.
func Colors(getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// Width is the stream's width in columns; 0 if it is no terminal.
func (p *Printer) Width() int { return p.width }

// Line adds one line. Line ends in the text are made visible.
func (p *Printer) Line(format string, args ...any) {
	p.text.WriteString(Clean(fmt.Sprintf(format, args...)))
	p.text.WriteByte('\n')
}

// Styled is Line with a colour.
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

// Text adds a text as it is, with all its lines, and ends the last one.
func (p *Printer) Text(text string) { p.Body("", text+"\n") }

// Once reports whether it is called with this text for the first time, so that a
// text which occurs in several parts of a result is printed once.
func (p *Printer) Once(what string) bool {
	if p.once[what] {
		return false
	}
	if p.once == nil {
		p.once = map[string]bool{}
	}
	p.once[what] = true
	return true
}

// Flush writes the collected text and empties the printer.
func (p *Printer) Flush() error {
	text := p.text.String()
	p.text.Reset()
	_, err := io.WriteString(p.w, text)
	return err
}

// IsTerminal reports whether a stream is a terminal. The stream may be an *os.File
// or anything with an Fd method.
func IsTerminal(stream any) bool {
	terminal := false
	withDescriptor(stream, func(fd int) {
		_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		terminal = err == nil
	})
	return terminal
}

// Width is a terminal's width in columns, 0 when it is unknown.
func Width(stream any) (columns int, terminal bool) {
	if !IsTerminal(stream) {
		return 0, false
	}
	withDescriptor(stream, func(fd int) {
		if size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
			columns = int(size.Col)
		}
	})
	return columns, true
}

// withDescriptor calls fn with a stream's descriptor and reports whether there is
// one. It does not change the descriptor's mode, as (*os.File).Fd may: other
// processes share it.
func withDescriptor(stream any, fn func(fd int)) bool {
	switch f := Direct(stream).(type) {
	case *Capture:
		return withDescriptor(f.stream, fn)
	case syscall.Conn:
		raw, err := f.SyscallConn()
		return err == nil && raw.Control(func(fd uintptr) { fn(int(fd)) }) == nil
	case interface{ Fd() uintptr }:
		fn(int(f.Fd()))
		return true
	}
	return false
}
