// Package watch is what --watch does in gt and bd: a result is shown, and shown again
// whenever it has changed, until a person ends it.
package watch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/group"
)

// pause is how long a command with --watch waits before it looks again.
const pause = time.Second

// Look shows the result once, on the standard output of the call that it is given.
type Look func(context.Context, *shell.Call) error

// Run looks again and again, until a person presses q or interrupts it. On a terminal
// each result takes the place of the one before, and the terminal is left as it was.
// Otherwise, and with --json, results that differ follow each other. Each look opens
// what it reads anew, so nobody waits for the watcher.
func Run(ctx context.Context, call *shell.Call, look Look) error {
	return every(ctx, call, pause, look)
}

func every(ctx context.Context, call *shell.Call, pause time.Duration, look Look) error {
	if call.JSON || !term.IsTerminal(call.Stdout) {
		return follow(ctx, call, pause, look, (&appended{call: call}).show)
	}
	s, err := term.OpenScreen(call.Stdin, call.Stdout)
	if err != nil {
		return err
	}
	// Also after a panic, which the Deacon survives.
	defer func() { _ = s.Close() }()
	watching, quit := context.WithCancel(ctx)
	defer quit()
	g := group.New()
	g.Go(func() error { return awaitQuit(watching, quit, s) })
	g.Go(func() error {
		defer quit()
		return follow(watching, call, pause, look, s.Draw)
	})
	err = g.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, town.ErrBusy) {
		err = cause // the Deacon ended it, not a person
	}
	return errors.Join(err, s.Close())
}

// awaitQuit calls quit once a person presses q, or closes the terminal.
func awaitQuit(ctx context.Context, quit func(), s *term.Screen) error {
	for ctx.Err() == nil {
		key, err := s.Key(ctx)
		if err != nil || key == 'q' || key == 'Q' {
			quit()
		}
	}
	return nil
}

// follow shows one result after the other until ctx ends.
func follow(ctx context.Context, call *shell.Call, pause time.Duration, look Look, show func([]byte) error) error {
	for first := true; ; first = false {
		out := term.NewCapture(call.Stdout)
		err := look(ctx, call.WithStdout(out))
		switch {
		case ctx.Err() != nil:
			if cause := context.Cause(ctx); errors.Is(cause, town.ErrBusy) {
				return cause // the Deacon ended it, not a person
			}
			return nil
		case errors.Is(err, town.ErrBusy) && !first: // a Deacon starts or stops
		case err != nil:
			return err
		default:
			if err := show(out.Bytes()); err != nil {
				return err
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// appended prints results that differ one after the other.
type appended struct {
	call  *shell.Call
	begun bool
	shown []byte
}

func (a *appended) show(text []byte) error {
	if a.begun && bytes.Equal(a.shown, text) {
		return nil
	}
	between := ""
	if a.begun && !a.call.JSON {
		between = "\n"
	}
	a.begun, a.shown = true, text
	_, err := io.WriteString(a.call.Stdout, between+string(text))
	return err
}
