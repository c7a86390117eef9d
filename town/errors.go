package town

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of failure that have an exit code of their own. Any other error
// exits 1.
var (
	// ErrUsage: the words of the command are wrong. Exit 2.
	ErrUsage = errors.New("usage")
	// ErrReview: the work is done, but conflicts await a person. Exit 3.
	ErrReview = errors.New("conflicts await review")
	// ErrBusy: a lock is held; trying again later may succeed. Exit 4.
	ErrBusy = errors.New("locked or busy")
	// ErrRefused: a rule forbids it; trying again changes nothing. Exit 5.
	ErrRefused = errors.New("refused by policy")
)

// Error is a failure in a form for people: what failed and on what, why, and the
// one next step.
type Error struct {
	// Op names what failed and on what: "publish to origin".
	Op string
	// Err is the cause; it may wrap one of the kinds above.
	Err error
	// Next is one step that helps, in the imperative. It never suggests
	// deleting data. It may be empty when the cause says it all.
	Next string
}

func (e *Error) Error() string { return e.Op + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Fail builds an Error; format and args describe the cause, and %w keeps kinds.
func Fail(op, next, format string, args ...any) error {
	return &Error{Op: op, Next: next, Err: fmt.Errorf(format, args...)}
}

// Message is an error's text in plain words, without ErrUsage, which only exit codes need.
func Message(err error) string {
	usage := ErrUsage.Error() + ": "
	text := strings.NewReplacer(": "+usage, ": ", "\n"+usage, "\n").Replace(err.Error())
	return Plain(strings.TrimPrefix(text, usage))
}

// Next returns the advice nearest the surface of err, or "".
func Next(err error) string {
	var e *Error
	for errors.As(err, &e) {
		if e.Next != "" {
			return e.Next
		}
		err = e.Err
	}
	return ""
}
