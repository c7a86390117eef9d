// Package check looks whether a Town is well. A check answers with a state, the
// figure it is drawn from, the threshold it was held against, and the one thing
// to do.
//
// Checks only look: they change nothing, repair nothing and contact nobody.
// The package knows neither where a Town keeps things nor how often to look;
// both are handed in. Other checks are added by whoever makes a Check.
package check

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/town"
)

// State is how well something is.
type State string

// The states, best first.
const (
	Healthy  State = "healthy"
	Warning  State = "warning"
	Critical State = "critical"
)

// Level counts from 0, healthy, to 2, critical.
func (s State) Level() int {
	switch s {
	case Healthy:
		return 0
	case Warning:
		return 1
	default:
		return 2
	}
}

// Worse is the worse of two states.
func Worse(a, b State) State {
	if b.Level() > a.Level() {
		return b
	}
	return a
}

// Result is what a check found.
type Result struct {
	State State
	// Figure is what was measured, Threshold what it was held against, both
	// with their units.
	Figure    string
	Threshold string
	// Next is the one thing to do; empty when all is well.
	Next string
	// Details name what is not well, one thing a line.
	Details []string
}

// Check is one thing to look at.
type Check struct {
	// Name is a word. It is also the name in /health of what was looked at.
	Name string
	// Help is one line for people.
	Help string
	// Slow checks read much, so a job of their own runs them less often.
	Slow bool
	// Run looks. An error means that it could not, which is critical.
	Run func(context.Context) (Result, error)
}

// Do runs a check. Whatever happens in it becomes a result.
func (c Check) Do(ctx context.Context) (out Result) {
	defer func() {
		if p := recover(); p != nil {
			out = Result{State: Critical, Figure: "the check itself failed", Next: "gt deacon logs", Details: []string{fmt.Sprint(p)}}
		}
	}()
	out, err := c.Run(ctx)
	if err == nil {
		return out
	}
	figure := "it cannot be looked at"
	if errors.Is(err, context.DeadlineExceeded) {
		figure = "no answer in time"
	}
	next := town.Next(err)
	if next == "" {
		next = "gt doctor"
	}
	return Result{State: Critical, Figure: figure, Next: next, Details: strings.Split(town.Clip(err.Error(), 1000), "\n")}
}
