package find

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gastown/cmd/internal/shell"
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
		err := watchEvery(ctx, call, time.Microsecond, func(_ context.Context, call *shell.Call) error {
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
