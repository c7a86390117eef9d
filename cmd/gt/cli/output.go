package cli

import (
	"encoding/json"
	"io"
	"time"

	"gastown/cmd/internal/term"
)

// The styles of gt's output.
const (
	styleGood = term.Good
	styleBad  = term.Bad
	styleHead = term.Head
	styleDim  = term.Dim
	styleHunk = term.Hunk
)

// printer is a term.Printer under the names gt's commands use.
type printer struct {
	*term.Printer
	said map[string]bool
}

func (a *App) printer(w io.Writer) *printer {
	return &printer{term.New(w, !a.NoColor && term.Colors(a.Getenv)), map[string]bool{}}
}

// first reports, and notes, that this has not been said.
func (p *printer) first(what string) bool {
	known := p.said[what]
	p.said[what] = true
	return !known
}

func (p *printer) line(format string, args ...any)                 { p.Line(format, args...) }
func (p *printer) styled(s term.Style, format string, args ...any) { p.Styled(s, format, args...) }
func (p *printer) body(indent, text string)                        { p.Body(indent, text) }
func (p *printer) table(header []string, rows [][]string)          { p.Table(header, rows) }
func (p *printer) flush() error                                    { return p.Flush() }

// show prints a result: value itself with --json, else what say words.
func (a *App) show(value any, say func(*printer)) error {
	if a.JSON {
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
	if a.Quiet && !a.JSON {
		return nil
	}
	return a.show(value, say)
}

func clean(s string) string                 { return term.Clean(s) }
func isTerminal(stream any) bool            { return term.IsTerminal(stream) }
func plural(n int, one, many string) string { return term.Plural(n, one, many) }
func size(n int64) string                   { return term.Size(n) }
func (a *App) ago(t time.Time) string       { return term.Ago(a.Now(), t) }
