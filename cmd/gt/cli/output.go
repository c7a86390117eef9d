package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// style is a colour by its purpose.
type style string

const (
	styleGood style = "32"
	styleBad  style = "31"
	styleHead style = "1"
	styleDim  style = "2"
	styleHunk style = "36"
)

// printer collects text for one stream. Whatever a name, a message or a remote
// may contain, it puts no control character on a terminal.
type printer struct {
	w     io.Writer
	text  strings.Builder
	color bool
	// width is the terminal's in columns; 0 where there is none.
	width int
}

func (a *App) printer(w io.Writer) *printer {
	width, terminal := terminalWidth(w)
	color := terminal && !a.noColor && a.Getenv("NO_COLOR") == "" && a.Getenv("TERM") != "dumb"
	return &printer{w: w, color: color, width: width}
}

// line adds one line. Line ends within it are shown, not made.
func (p *printer) line(format string, args ...any) {
	p.text.WriteString(clean(fmt.Sprintf(format, args...)))
	p.text.WriteByte('\n')
}

// styled is line in a colour.
func (p *printer) styled(s style, format string, args ...any) {
	if !p.color {
		p.line(format, args...)
		return
	}
	p.text.WriteString("\x1b[" + string(s) + "m" + clean(fmt.Sprintf(format, args...)) + "\x1b[0m\n")
}

// body adds a text of several lines under an indent.
func (p *printer) body(indent, text string) {
	for line := range strings.Lines(text) {
		p.line("%s%s", indent, strings.TrimSuffix(line, "\n"))
	}
}

func (p *printer) flush() error {
	_, err := io.WriteString(p.w, p.text.String())
	return err
}

// show prints a result: value itself with --json, else what say words.
func (a *App) show(value any, say func(*printer)) error {
	if a.json {
		enc := json.NewEncoder(a.Stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(value)
	}
	p := a.printer(a.Stdout)
	say(p)
	return p.flush()
}

// summary is show for results that only say what was done.
func (a *App) summary(value any, say func(*printer)) error {
	if a.quiet && !a.json {
		return nil
	}
	return a.show(value, say)
}

// clean makes control characters, and those that reorder text, visible.
func clean(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case !hidden(r):
			out.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&out, `\x%02x`, r)
		default:
			fmt.Fprintf(&out, `\u{%x}`, r)
		}
	}
	return out.String()
}

func hidden(r rune) bool {
	return r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200d' || r == '\u2028' || r == '\u2029')
}

// isTerminal reports whether a stream is one people sit at.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func terminalWidth(w io.Writer) (columns int, terminal bool) {
	if !isTerminal(w) {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(w.(*os.File).Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, true
	}
	return int(size.Col), true
}

// plural words a count: plural(2, "edit", "edits") is "2 edits".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// ago words a time for people, with the time itself.
func (a *App) ago(t time.Time) string {
	since := a.Now().Sub(t)
	var text string
	switch {
	case since < 0:
		text = "in the future"
	case since < time.Minute:
		text = plural(int(since/time.Second), "second", "seconds") + " ago"
	case since < time.Hour:
		text = plural(int(since/time.Minute), "minute", "minutes") + " ago"
	case since < 48*time.Hour:
		text = plural(int(since/time.Hour), "hour", "hours") + " ago"
	default:
		text = plural(int(since/(24*time.Hour)), "day", "days") + " ago"
	}
	return text + " (" + t.UTC().Format("2006-01-02 15:04:05 UTC") + ")"
}

// size words a number of bytes.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return plural(int(n), "byte", "bytes")
	case n < 1<<20:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
}
