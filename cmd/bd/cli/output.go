package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
)

func (a *App) printer(w io.Writer) *term.Printer {
	return term.New(w, !a.NoColor && term.Colors(a.Getenv))
}

// show prints a result: value itself with --json, else what say words.
func (a *App) show(value any, say func(*term.Printer)) error {
	if a.JSON {
		text, err := jsonText(value, "")
		if err != nil {
			return err
		}
		_, err = a.Stdout.Write(append(text, '\n'))
		return err
	}
	p := a.printer(a.Stdout)
	say(p)
	return p.Flush()
}

// summary is show for results that only say what was done.
func (a *App) summary(value any, say func(*term.Printer)) error {
	if a.Quiet && !a.JSON {
		return nil
	}
	return unsaid(a.show(value, say))
}

// unsaid tells who could not be told what was done that it was: doing it again
// would do it twice.
func unsaid(err error) error {
	if err == nil {
		return nil
	}
	return town.Fail("print what was done", "it was done, so do not repeat it: bd list shows what there is",
		"%w", err)
}

// hint tells people, not scripts, something beside the result.
func (a *App) hint(format string, args ...any) {
	if a.Quiet {
		return
	}
	p := a.printer(a.Stderr)
	p.Line(format, args...)
	_ = p.Flush() // nobody is left to tell
}

// jsonText is a value as JSON people can read, without the final line end.
func jsonText(value any, prefix string) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// array writes a JSON array element by element, so that a long one is never
// held whole.
type array struct {
	w *bufio.Writer
	n int
}

func (a *App) array() *array { return &array{w: bufio.NewWriterSize(a.Stdout, 1<<16)} }

func (l *array) add(value any) error {
	text, err := jsonText(value, "  ")
	if err != nil {
		return err
	}
	open := ",\n  "
	if l.n == 0 {
		open = "[\n  "
	}
	l.n++
	_, _ = l.w.WriteString(open) // the writer keeps its error for Flush
	_, err = l.w.Write(text)
	return err
}

func (l *array) end() error {
	closing := "\n]\n"
	if l.n == 0 {
		closing = "[]\n"
	}
	_, _ = l.w.WriteString(closing)
	return l.w.Flush()
}

// errSilent is a failure whose whole story was printed already.
var errSilent = errors.New("see the findings")

// report tells how the command ended and returns its exit code.
func (a *App) report(err error) int {
	if err == nil {
		return shell.ExitOK
	}
	f := shell.Fail(err)
	if errors.Is(err, errSilent) {
		return f.Exit
	}
	if a.JSON {
		text, _ := jsonText(f, "")
		fmt.Fprintln(a.Stdout, string(text))
		return f.Exit
	}
	p := a.printer(a.Stderr)
	for i, line := range strings.Split(f.Error, "\n") {
		if i == 0 {
			line = "bd: " + line
		} else {
			line = "  " + line
		}
		p.Styled(term.Bad, "%s", line)
	}
	if f.Next != "" {
		p.Line("  next: %s", f.Next)
	}
	_ = p.Flush() // nobody is left to tell
	return f.Exit
}
