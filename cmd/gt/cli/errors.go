package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/town"
)

// Exit codes, for scripts to rely on.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitReview
	exitBusy
	exitRefused
)

// kinds says which exit code a kind of failure has.
var kinds = []struct {
	kind error
	code int
}{
	{town.ErrUsage, exitUsage},
	{town.ErrBusy, exitBusy},
	{town.ErrRefused, exitRefused},
	{town.ErrReview, exitReview},
}

// usageError is what the parser said of the arguments.
type usageError struct {
	err error
	// command is the one that was meant, as far as it can be told.
	command string
}

func (e usageError) Error() string   { return e.err.Error() }
func (e usageError) Unwrap() []error { return []error{e.err, town.ErrUsage} }

// meant is the longest command the arguments begin with.
func meant(p *kingpin.Application, args []string) string {
	command := "gt"
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

// reviewsOpen is the end of a command that did its work and left reviews.
type reviewsOpen struct{ count int }

func (e reviewsOpen) Error() string {
	return fmt.Sprintf("%s a person's review", plural(e.count, "role awaits", "roles await"))
}
func (e reviewsOpen) Unwrap() error { return town.ErrReview }

// exitCode maps an error to the code it exits with.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	// Of several failures the one that is no mere review decides.
	for _, k := range kinds {
		if errors.Is(err, k.kind) {
			return k.code
		}
	}
	return exitFailed
}

// advice is the one next step for an error.
func advice(err error) string {
	var usage usageError
	var reviews reviewsOpen
	switch {
	case errors.As(err, &usage):
		return usage.command + " --help"
	case town.Next(err) != "":
		return town.Next(err)
	case errors.As(err, &reviews):
		return "gt federation conflicts"
	case errors.Is(err, context.Canceled):
		return "run it again: it goes on where it stopped"
	}
	return ""
}

// interrupted says of a command that a person ended just that: what was under
// way when it happened, in whose words, helps nobody.
func interrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, town.ErrReview) || errors.Is(err, town.ErrRefused) {
		return err
	}
	return &town.Error{Op: "interrupted", Err: errStopped, Next: "run it again: it goes on where it stopped"}
}

var errStopped = errors.New("what was done is kept whole, and nothing is half done")

// report tells people how the command ended and returns its exit code.
func (a *App) report(err error) int {
	code := exitCode(err)
	if err == nil || (a.quiet && code == exitReview) {
		return code
	}
	text, next := message(err), advice(err)
	if a.json {
		line, _ := json.Marshal(struct {
			Error string `json:"error"`
			Next  string `json:"next,omitempty"`
			Exit  int    `json:"exit"`
		}{text, next, code})
		fmt.Fprintln(a.Stderr, string(line))
		return code
	}
	p := a.printer(a.Stderr)
	for i, line := range strings.Split(text, "\n") {
		if i == 0 && code != exitReview {
			line = "gt: " + line
		}
		p.styled(styleBad, "%s", line)
	}
	if next != "" {
		p.line("  next: %s", next)
	}
	_ = p.flush() // nobody is left to tell
	return code
}

// message is the error's text without the kind that only the exit code needs.
func message(err error) string {
	text := strings.ReplaceAll(err.Error(), ": "+town.ErrUsage.Error()+": ", ": ")
	return strings.TrimPrefix(text, town.ErrUsage.Error()+": ")
}
