// Package check defines what a check is, and has the checks of disk, Dolt, tmux,
// Git and the federation. The result of a check is a state, the figure it follows
// from, the threshold, and one next step.
//
// Checks change nothing, repair nothing and contact no remote. The paths,
// thresholds and intervals come from the caller. Parts of the Deacon add checks of
// their own.
package check

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/town"
)

// State is how well a component is.
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

// Worse returns the worse of two states.
func Worse(a, b State) State {
	if b.Level() > a.Level() {
		return b
	}
	return a
}

// Result is what a check found.
type Result struct {
	State State
	// Figure is the measured value, and Threshold the value it was compared with,
	// both with units.
	Figure    string
	Threshold string
	// Next is the next step; empty when all is well.
	Next string
	// Details name the problems, one a line.
	Details []string
}

// Check examines one component.
type Check struct {
	// Name is one word; /health shows the result under it.
	Name string
	// Help is one line of explanation.
	Help string
	// Slow checks read much, so they run less often, in a job of their own.
	Slow bool
	// Run performs the check. An error means that it could not, which counts as
	// critical.
	Run func(context.Context) (Result, error)
}

// Do runs a check. An error or a panic becomes a critical result.
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
	return Result{State: Critical, Figure: figure, Next: next, Details: strings.Split(town.Clip(town.Plain(err.Error()), 1000), "\n")}
}
