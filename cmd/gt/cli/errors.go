package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/town"
)

// Exit codes, for scripts to rely on.
const (
	exitOK      = shell.ExitOK
	exitFailed  = shell.ExitFailed
	exitUsage   = shell.ExitUsage
	exitReview  = shell.ExitReview
	exitBusy    = shell.ExitBusy
	exitRefused = shell.ExitRefused
)

// reviewsOpen is the end of a command that did its work and left reviews.
type reviewsOpen struct{ count int }

func (e reviewsOpen) Error() string {
	return fmt.Sprintf("%s a person's review", plural(e.count, "role awaits", "roles await"))
}
func (e reviewsOpen) Unwrap() error { return town.ErrReview }

// exitCode maps an error to the code it exits with.
func exitCode(err error) int { return shell.ExitCode(err) }

// advice is the one next step for an error.
func advice(err error) string {
	next := shell.Advice(err)
	var reviews reviewsOpen
	if next == "" && errors.As(err, &reviews) {
		return "gt federation conflicts"
	}
	return next
}

// message is the error's text without the kind that only the exit code needs.
func message(err error) string { return shell.Message(err) }

// report tells people how the command ended and returns its exit code.
func (a *App) report(err error) int {
	code := exitCode(err)
	if err == nil || (a.Quiet && code == exitReview) {
		return code
	}
	text, next := message(err), advice(err)
	if a.JSON {
		line, _ := json.Marshal(shell.Failure{Error: text, Next: next, Exit: code})
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
