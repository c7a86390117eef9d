package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/e2e/terminal"
	"gastown/town"
)

// A watched result is printed when it changes and not otherwise. A ledger that is
// busy for a while does not end it, a person does, and so does any other error.
func TestWatch(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		looks []any // what each look prints, or its error
		want  string
		err   error
	}{
		{[]any{"a", "a", "b", "b", "a"}, "a\nb\na", nil},
		{[]any{"a", town.ErrBusy, "a", "b"}, "a\nb", nil},
		{[]any{"a", broken, "b"}, "a", broken},
		{[]any{town.ErrBusy, "a"}, "", town.ErrBusy},
	} {
		var out strings.Builder
		ctx, interrupt := context.WithCancel(t.Context())
		call := &shell.Call{Invocation: &shell.Invocation{Stdout: &out, Stderr: &out}}
		n := 0
		err := every(ctx, call, time.Microsecond, func(_ context.Context, call *shell.Call) error {
			if n == len(c.looks) {
				interrupt()
				return context.Canceled
			}
			look := c.looks[n]
			n++
			if err, ok := look.(error); ok {
				return err
			}
			_, err := fmt.Fprint(call.Stdout, look)
			return err
		})
		interrupt()
		if !errors.Is(err, c.err) || c.err == nil && err != nil || out.String() != c.want {
			t.Errorf("%v: %q, %v", c.looks, out.String(), err)
		}
	}
}

// On a terminal each result replaces the one before, in the terminal's width. The key q
// ends it, and the terminal is as it was.
func TestWatchOnATerminal(t *testing.T) {
	person, program := terminal.Open(t)
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 12, Row: 3}); err != nil {
		t.Fatal(err)
	}
	before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	call := &shell.Call{Invocation: &shell.Invocation{Stdin: program, Stdout: program, Stderr: program}}
	done := make(chan error, 1)
	go func() {
		n := 0
		done <- every(t.Context(), call, time.Millisecond, func(_ context.Context, call *shell.Call) error {
			n++
			if columns, is := term.Width(call.Stdout); columns != 12 || !is {
				return fmt.Errorf("the look is %d columns wide (%v)", columns, is)
			}
			_, err := fmt.Fprintf(call.Stdout, "look %d of a line too long\n2\n3\n4\n", n)
			return err
		})
	}()
	shown := terminal.ReadUntil(t, person, "look 2")
	for _, want := range []string{"\x1b[?1049h", "\x1b[?25l", "look 1 of a…", "… the termi…"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q lacks %q", shown, want)
		}
	}
	if strings.Contains(shown, "3\x1b[0m") {
		t.Errorf("a line too many: %q", shown)
	}
	if _, err := person.WriteString("xq"); err != nil {
		t.Fatal(err)
	}
	terminal.ReadUntil(t, person, "\x1b[?25h\x1b[?1049l")
	if err := <-done; err != nil {
		t.Error(err)
	}
	after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("%+v, before %+v, %v", after, before, err)
	}
}
