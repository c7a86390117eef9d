package check

import (
	"context"
	"errors"
	"fmt"

	"gastown/tmux"
	"gastown/town"
)

// Tmux checks the number of the Town's tmux sessions.
type Tmux struct {
	// Sessions lists them.
	Sessions func(context.Context) ([]tmux.Session, error)
	// Max is how many sessions there may be.
	Max int
}

// Check returns the check named tmux. It starts no process when no tmux server
// runs.
func (t Tmux) Check() Check {
	return Check{Name: "tmux", Help: "the Town's tmux sessions", Run: t.run}
}

func (t Tmux) run(ctx context.Context) (Result, error) {
	all, err := t.Sessions(ctx)
	if errors.Is(err, tmux.ErrMissing) || errors.Is(err, tmux.ErrTooOld) {
		return Result{
			State: Warning, Figure: "no usable tmux", Threshold: "tmux " + tmux.MinVersion,
			Next: "install tmux " + tmux.MinVersion + " or newer", Details: []string{town.Plain(err.Error())},
		}, nil
	}
	if err != nil {
		return Result{}, err
	}
	out := Result{State: Healthy, Figure: fmt.Sprintf("%d session(s)", len(all)), Threshold: fmt.Sprintf("%d sessions", t.Max)}
	if len(all) > t.Max {
		out.State = Warning
		out.Next = "gt tmux cleanup --dead ends sessions whose program has ended; gt config tmux.max_sessions N moves the limit"
	}
	return out, nil
}
