package shell

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/layout"
)

// Call is one running command: its invocation, the flags that every command has,
// and how it prints.
type Call struct {
	*Invocation
	Globals
	// Name is the full name of the command. Processes that wait for it show it.
	Name   string
	traits Traits
	// progress is nil before the command runs, and where nothing is shown.
	progress *term.Progress
}

// Version is the program's.
func (c *Call) Version() string { return c.traits.Version }

// Executable is the absolute path of the program, for hooks and daemons that start
// it later.
func (c *Call) Executable() (string, error) {
	if c.Self == "" {
		return "", town.Fail("find out where "+c.traits.Name+" is", "call it by its absolute path", "its path is unknown")
	}
	return c.Self, nil
}

// Actor is Invocation.Actor, with the name that the program's flag gives, if any.
func (c *Call) Actor(configured town.Actor) town.Actor {
	who := c.Invocation.Actor(configured)
	if name := AuthorText(c.ActorName); name != "" {
		who.Name = name
	}
	return who
}

// WithStdout returns the call with another standard output.
func (c *Call) WithStdout(w io.Writer) *Call {
	i, call := *c.Invocation, *c
	i.Stdout, call.Invocation = w, &i
	return &call
}

// Printer returns a printer for one of the caller's streams.
func (c *Call) Printer(w io.Writer) *term.Printer { return term.New(w, !c.NoColor && c.Colors()) }

// Progress shows on standard error, if that is a terminal, what the command does or
// waits for once that takes more than a second. The command says so with Step; it
// does not close the Progress. With --quiet it is nil, which shows nothing.
func (c *Call) Progress() *term.Progress { return c.progress }

// beginProgress gives the call its Progress, and streams that respect it.
func (c *Call) beginProgress() {
	if c.Quiet {
		return
	}
	c.progress = term.NewProgress(c.Stderr, c.Name, c.Now)
	i := *c.Invocation
	i.Stdin, i.Stdout, i.Stderr = c.progress.Input(i.Stdin), c.progress.Output(i.Stdout), c.progress.Output(i.Stderr)
	c.Invocation = &i
}

// Lock takes one of the Town's locks; see the function Lock. A person is shown what a
// long wait is for.
func (c *Call) Lock(ctx context.Context, t layout.Town, name string) (unlock func() error, err error) {
	return Lock(ctx, t, name, LockOptions{Command: c.Name, Wait: c.Wait, Waiting: c.progress.Wait})
}

// CanAsk reports whether a person can answer questions.
func (c *Call) CanAsk() bool { return !c.JSON && term.IsTerminal(c.Stdin) && term.IsTerminal(c.Stderr) }

// Show prints a result: value as JSON with --json, otherwise the text that say
// prints.
func (c *Call) Show(value any, say func(*term.Printer)) error {
	if c.JSON {
		text, err := JSONText(value, "")
		if err != nil {
			return err
		}
		if !keyedByData(value) {
			text = c.versioned(text)
		}
		_, err = c.Stdout.Write(append(text, '\n'))
		return err
	}
	p := c.Printer(c.Stdout)
	say(p)
	return p.Flush()
}

// Summary is Show for results that only confirm what was done; --quiet omits them.
func (c *Call) Summary(value any, say func(*term.Printer)) error {
	if c.Quiet && !c.JSON {
		return nil
	}
	return c.Show(value, say)
}

// Changed is Summary for a change that was made. Its error says that the result
// could not be printed and that the change must not be repeated.
func (c *Call) Changed(value any, say func(*term.Printer)) error {
	return ErrAppliedUnprinted(c.Summary(value, say))
}

// Hint prints additional information for people, not for scripts.
func (c *Call) Hint(format string, args ...any) {
	if c.Quiet {
		return
	}
	p := c.Printer(c.Stderr)
	p.Line(format, args...)
	_ = p.Flush() // an error cannot be reported any more
}

// Ago formats a time relative to the call's clock.
func (c *Call) Ago(t time.Time) string { return term.Ago(c.Now(), t) }

// keyedByData reports whether the keys of a result's JSON object are data, among which
// a schema_version would look like an entry. Those results are maps; results with
// fields of their own are structs.
func keyedByData(value any) bool { return reflect.ValueOf(value).Kind() == reflect.Map }

// schemaKey begins the line of an object's own schema_version.
const schemaKey = "\n  \"schema_version\":"

// versioned adds the schema_version to the text of an object that has none. Other
// values stay as they are.
func (c *Call) versioned(text []byte) []byte {
	if c.traits.Schema == 0 || !bytes.HasPrefix(text, []byte("{")) || bytes.Contains(text, []byte(schemaKey)) {
		return text
	}
	before, comma := bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("}")), []byte("\n")), ","
	if len(before) == 1 {
		comma = ""
	}
	return fmt.Appendf(before, "%s%s %d\n}", comma, schemaKey, c.traits.Schema)
}

// JSONText is a value as indented JSON, without the final line end.
func JSONText(value any, prefix string) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// Array writes a JSON array element by element, so that a long one is never in
// memory as a whole.
type Array struct {
	w *bufio.Writer
	n int
}

// Array begins an array on standard output.
func (c *Call) Array() *Array { return &Array{w: bufio.NewWriterSize(c.Stdout, 1<<16)} }

// Add adds an element.
func (l *Array) Add(value any) error {
	text, err := JSONText(value, "  ")
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

// End ends the array.
func (l *Array) End() error {
	closing := "\n]\n"
	if l.n == 0 {
		closing = "[]\n"
	}
	_, _ = l.w.WriteString(closing)
	return l.w.Flush()
}

// Report prints the command's error, if any, and returns its exit code.
func (c *Call) Report(err error) int {
	code := c.exitCode(ExitCode(err))
	if err == nil || errors.Is(err, errShown) || c.traits.QuietReview && c.Quiet && code == ExitReview {
		return code
	}
	if c.Gate != nil {
		c.Gate.Tell(c, err)
	}
	f := Fail(err)
	f.Exit = code
	if f.Next == "" && c.traits.Advice != nil {
		if f.Next = c.traits.Advice(err); f.Next == "" && ExitCode(err) == ExitUsage {
			f.Next = c.Name + " --help"
		}
	}
	if c.JSON {
		c.reportJSON(f)
		return code
	}
	p := c.Printer(c.Stderr)
	for i, line := range strings.Split(f.Error, "\n") {
		switch {
		case i == 0 && code != ExitReview:
			line = c.traits.Name + ": " + line
		case i > 0 && c.traits.ErrorsOnStdout:
			line = "  " + line
		}
		p.Styled(term.Bad, "%s", line)
	}
	if f.Next != "" {
		p.Line("  next: %s", f.Next)
	}
	_ = p.Flush() // an error cannot be reported any more
	return code
}

// exitCode translates an exit code of this package into the program's own.
func (c *Call) exitCode(code int) int {
	if code == ExitUsage && c.traits.UsageExit != 0 {
		return c.traits.UsageExit
	}
	return code
}

func (c *Call) reportJSON(f Failure) {
	f.Schema = c.traits.Schema
	if c.traits.ErrorsOnStdout {
		text, _ := JSONText(f, "")
		fmt.Fprintln(c.Stdout, string(text))
	}
	line, _ := json.Marshal(f)
	fmt.Fprintln(c.Stderr, string(line))
}

// ErrAppliedUnprinted wraps the error of printing a result after the change was
// made, so that the caller does not repeat the change.
func ErrAppliedUnprinted(err error) error {
	if err == nil {
		return nil
	}
	return town.Fail("print what was done", "the change was made, so do not repeat it: bd list shows what there is", "%w", err)
}
