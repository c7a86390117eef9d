package federation

import (
	"context"
	"errors"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
)

// confirmation is what a person is shown before a command does something that other
// Towns will see.
type confirmation struct {
	// op is what the command is about to do.
	op string
	// untouched says what is true while nobody has agreed.
	untouched string
	// result is the preview for --json; print is the one for people.
	result any
	print  func(*term.Printer)
}

// ask shows the preview and asks. Without a person's consent, and with --json, it
// fails with town.ErrRefused. Callers do not ask when --yes is given.
func (c confirmation) ask(ctx context.Context, call *shell.Call) error {
	refused := town.Fail(c.op, "look at it, then run the command again with --yes",
		"%w: nobody has confirmed it, and %s", town.ErrRefused, c.untouched)
	if call.JSON {
		return errors.Join(call.Show(c.result, nil), refused)
	}
	return askAfter(ctx, call, c.print, "Continue?", refused)
}

// askAfter prints for a person and asks. It returns refused when nobody can be asked
// or the answer is no.
func askAfter(ctx context.Context, call *shell.Call, print func(*term.Printer), question string, refused error) error {
	p := call.Printer(call.Stderr)
	print(p)
	if err := p.Flush(); err != nil {
		return err
	}
	if !call.CanAsk() {
		return refused
	}
	agreed, err := term.Ask(ctx, call.Stdin, call.Stderr, question)
	if err != nil || agreed {
		return err
	}
	return refused
}
