// Package shell is what gt and bd share of being a command: exit codes and how
// a failure is told, the text of --help, completion, which Town is meant and
// who is at work in it.
package shell

import (
	"context"
	"errors"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/town"
)

// Exit codes, for scripts to rely on.
const (
	ExitOK = iota
	ExitFailed
	ExitUsage
	ExitReview
	ExitBusy
	ExitRefused
)

// kinds says which exit code a kind of failure has.
var kinds = []struct {
	kind error
	code int
}{
	{town.ErrUsage, ExitUsage},
	{town.ErrBusy, ExitBusy},
	{town.ErrRefused, ExitRefused},
	{town.ErrReview, ExitReview},
}

// ExitCode maps an error to the code it exits with. Of several failures the one
// that is no mere review decides.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	for _, k := range kinds {
		if errors.Is(err, k.kind) {
			return k.code
		}
	}
	return ExitFailed
}

// Kind is the kind of failure an exit code stands for; nil when it has none.
func Kind(code int) error {
	for _, k := range kinds {
		if k.code == code {
			return k.kind
		}
	}
	return nil
}

// Failure is how a failure is told with --json.
type Failure struct {
	Error string `json:"error"`
	Next  string `json:"next,omitempty"`
	Exit  int    `json:"exit"`
}

// Fail words an error.
func Fail(err error) Failure {
	return Failure{Error: Message(err), Next: Advice(err), Exit: ExitCode(err)}
}

// again is what helps after an interruption.
const again = "run it again: it goes on where it stopped"

// Advice is the one next step for an error, or "".
func Advice(err error) string {
	var usage UsageError
	switch {
	case errors.As(err, &usage):
		return usage.Command + " --help"
	case town.Next(err) != "":
		return town.Next(err)
	case errors.Is(err, context.Canceled):
		return again
	}
	return ""
}

// Message is the error's text without the kind that only the exit code needs.
func Message(err error) string {
	usage := town.ErrUsage.Error() + ": "
	text := strings.NewReplacer(": "+usage, ": ", "\n"+usage, "\n").Replace(err.Error())
	return strings.TrimPrefix(text, usage)
}

// Interrupted says of a command that a person ended just that: what was under
// way when it happened, in whose words, helps nobody.
func Interrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, town.ErrReview) || errors.Is(err, town.ErrRefused) {
		return err
	}
	if cause := context.Cause(ctx); errors.Is(cause, town.ErrBusy) {
		return cause // the Deacon ended it, not a person
	}
	return Stopped()
}

// Stopped is the error of a command that a person ended.
func Stopped() error { return &town.Error{Op: "interrupted", Err: errStopped, Next: again} }

var errStopped = errors.New("what was done is kept whole, and nothing is half done")

// UsageError is what the parser said of the arguments.
type UsageError struct {
	Err error
	// Command is the one that was meant, as far as it can be told.
	Command string
}

func (e UsageError) Error() string   { return e.Err.Error() }
func (e UsageError) Unwrap() []error { return []error{e.Err, town.ErrUsage} }

// Meant is the longest command the arguments begin with.
func Meant(p *kingpin.Application, args []string) string {
	command := p.Name
	find := p.GetCommand
	for _, arg := range args {
		c := find(arg)
		if c == nil {
			break
		}
		command += " " + arg
		find = c.GetCommand
	}
	return command
}
