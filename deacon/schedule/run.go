package schedule

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes of a run.
const (
	OK       Outcome = "ok"
	Failed   Outcome = "failed"
	Deadline Outcome = "deadline" // cancelled at its deadline
	Stuck    Outcome = "stuck"    // cancelled, and still not ended
	Panicked Outcome = "panicked"
	Stopped  Outcome = "stopped" // told to stop: it ended at its next step, or was cancelled because the scheduler stops
)

// Run describes one run of a job.
type Run struct {
	Job     string
	Began   time.Time
	Took    time.Duration
	Outcome Outcome
	// Note says what the job did; Err is its error.
	Note string
	Err  error
}

// OK reports whether the run succeeded.
func (r Run) OK() bool { return r.Outcome == OK }

var (
	errDeadline = errors.New("it took longer than its deadline")
	errStopping = errors.New("the scheduler stops")
	errPanic    = errors.New("the job panicked")
)

// KeepPace marks the error of a run that failed in part: the job goes on by its
// schedule, although failures otherwise make its pauses longer.
func KeepPace(err error) error { return pacedError{err} }

type pacedError struct{ error }

func (e pacedError) Unwrap() error { return e.error }

// perform runs a job within its deadline. It closes ended when the job's function
// has really returned, which may be after perform returns.
func (s *Scheduler) perform(ctx context.Context, job Job) (out Run, ended <-chan struct{}) {
	out = Run{Job: job.Name, Began: s.now(), Outcome: OK}
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, job.Deadline, errDeadline)
	defer cancel()
	type answer struct {
		note string
		err  error
	}
	answers := make(chan answer, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var a answer
		defer func() {
			if p := recover(); p != nil {
				s.opts.Log.WithField("job", job.Name).WithField("stack", string(debug.Stack())).Error("a job panicked")
				a.err = fmt.Errorf("%w: %v", errPanic, p)
			}
			answers <- a
		}()
		a.note, a.err = job.Run(ctx)
	}()
	var a answer
	select {
	case a = <-answers:
	case <-ctx.Done():
		grace := time.NewTimer(s.opts.Grace)
		defer grace.Stop()
		select {
		case a = <-answers:
		case <-grace.C:
			out.Took, out.Outcome = time.Since(began), Stuck
			out.Err = fmt.Errorf("%w, and has not ended %s after it was cancelled", context.Cause(ctx), s.opts.Grace)
			return out, done
		}
	}
	out.Took, out.Note, out.Err = time.Since(began), a.note, a.err
	switch {
	case a.err == nil:
	case errors.Is(a.err, errPanic):
		out.Outcome = Panicked
	case errors.Is(a.err, ErrYield), errors.Is(context.Cause(ctx), errStopping):
		out.Outcome = Stopped
	case errors.Is(context.Cause(ctx), errDeadline):
		out.Outcome = Deadline
		out.Err = fmt.Errorf("%w of %s: %w", errDeadline, job.Deadline, a.err)
	default:
		out.Outcome = Failed
	}
	return out, done
}
