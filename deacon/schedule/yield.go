package schedule

import (
	"context"
	"errors"

	"gastown/town"
)

// ErrYield is what a run of a resumable job returns when it stopped between two
// steps because it was told to. The run ends as Stopped, which is not a failure.
var ErrYield = errors.New("the run was told to stop at its next step")

type yieldKey struct{}

// Yield reports whether a run should stop now. A resumable job calls it between
// its steps, and returns the error it gets: ErrYield when the run was told to
// stop, the cause of ctx when that has ended, nil to go on.
func Yield(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if told, ok := ctx.Value(yieldKey{}).(context.Context); ok && told.Err() != nil {
		return ErrYield
	}
	return nil
}

// yielding is the context of a run; tell makes the run stop at its next step.
func yielding(ctx context.Context) (run context.Context, tell context.CancelFunc) {
	told, tell := context.WithCancel(context.Background())
	return context.WithValue(ctx, yieldKey{}, told), tell
}

// Interrupt makes the current run of a resumable job stop at its next step, and
// returns at once. If there is no run it does nothing. It fails with town.ErrUsage
// for a job that is not resumable.
func (s *Scheduler) Interrupt(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(name)
	if err != nil {
		return err
	}
	if !e.job.Resumable {
		return town.Fail("interrupt "+name, "wait for it to end", "%w: the job cannot stop between steps", town.ErrUsage)
	}
	if e.running {
		e.yield()
	}
	return nil
}
