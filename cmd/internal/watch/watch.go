package find

import (
	"bytes"
	"context"
	"errors"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
)

// watchPause is how long a command with --watch waits before it looks again.
const watchPause = time.Second

// clearScreen moves to the top of a terminal and erases it.
const clearScreen = "\x1b[H\x1b[2J"

// watch shows a result, and shows it again whenever it has changed, until a person
// interrupts it. Each look opens the ledger anew, so nobody waits for the watcher.
func watch(ctx context.Context, call *shell.Call, show func(context.Context, *shell.Call) error) error {
	return watchEvery(ctx, call, watchPause, show)
}

func watchEvery(ctx context.Context, call *shell.Call, pause time.Duration, show func(context.Context, *shell.Call) error) error {
	var shown []byte
	for first := true; ; first = false {
		var out bytes.Buffer
		err := show(ctx, call.WithStdout(&out))
		switch {
		case ctx.Err() != nil:
			if cause := context.Cause(ctx); errors.Is(cause, town.ErrBusy) {
				return cause // the Deacon ended it, not a person
			}
			return nil
		case errors.Is(err, town.ErrBusy) && !first: // a Deacon starts or stops
		case err != nil:
			return err
		case first || !bytes.Equal(shown, out.Bytes()):
			shown = out.Bytes()
			text := shown
			if !call.JSON && term.IsTerminal(call.Stdout) {
				text = append([]byte(clearScreen), shown...)
			} else if !call.JSON && !first {
				text = append([]byte("\n"), shown...)
			}
			if _, err := call.Stdout.Write(text); err != nil {
				return err
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}
