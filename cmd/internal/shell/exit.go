// Package shell is what the commands of gt and bd have in common: exit codes, error
// messages, help texts, completion, and finding the Town and the author.
package shell

import (
	"context"
	"errors"

	"github.com/alecthomas/kingpin/v2"

	"gastown/town"
)

// Exit codes, which scripts may rely on.
const (
	ExitOK = iota
	ExitFailed
	ExitUsage
	ExitReview
	ExitBusy
	ExitRefused
)

// kinds maps each kind of failure to its exit code.
var kinds = []struct {
	kind error
	code int
}{
	{town.ErrUsage, ExitUsage},
	{town.ErrBusy, ExitBusy},
	{town.ErrRefused, ExitRefused},
	{town.ErrReview, ExitReview},
}

// ExitCode is the exit code for an error. Of several errors, one that is more than
// an open review decides.
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

// Kind is the kind of failure of an exit code; nil if it has none.
func Kind(code int) error {
	for _, k := range kinds {
		if k.code == code {
			return k.kind
		}
	}
	return nil
}

// Failure is how an error is printed with --json.
type Failure struct {
	Error string `json:"error"`
	Next  string `json:"next,omitempty"`
	Exit  int    `json:"exit"`
	// Schema is the schema_version of programs that have one.
	Schema int `json:"schema_version,omitempty"`
}

// Fail prints an error for people.
func Fail(err error) Failure {
	return Failure{Error: Message(err), Next: Advice(err), Exit: ExitCode(err)}
}

// again is the advice after an interruption.
const again = "run it again: it continues where it stopped"

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

// Message is the error's text in plain words, without the kind, which only the exit
// code needs.
func Message(err error) string {
	return town.Message(err)
}

// Interrupted replaces the error of a command that a person interrupted, because
// the error of the step under way does not help anyone.
func Interrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, town.ErrReview) || errors.Is(err, town.ErrRefused) {
		return err
	}
	if cause := context.Cause(ctx); errors.Is(cause, town.ErrBusy) {
		return cause // the Deacon ended the command, not a person
	}
	return Stopped()
}

// Stopped is the error of a command that a person interrupted.
func Stopped() error { return &town.Error{Op: "interrupted", Err: errStopped, Next: again} }

var errStopped = errors.New("every change that was made is complete, and none was made in part")

// UsageError is the parser's error about the arguments.
type UsageError struct {
	Err error
	// Command is the command that the arguments seem to mean.
	Command string
}

func (e UsageError) Error() string   { return e.Err.Error() }
func (e UsageError) Unwrap() []error { return []error{e.Err, town.ErrUsage} }

// Meant is the longest command name that the arguments begin with.
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
