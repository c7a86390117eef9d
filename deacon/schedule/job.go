package schedule

import (
	"context"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"gastown/town"
)

// maxSpec is the longest schedule that is read, in bytes.
const maxSpec = 128

// Overlap says what becomes of a run that is due, or asked for, while the
// previous run of its job goes on.
type Overlap int

// The overlap rules.
const (
	// Skip drops it: the run under way does what there is to do.
	Skip Overlap = iota
	// Follow starts it when the run under way ends, once: what that one may
	// have looked at too early is looked at again.
	Follow
)

// Job is one row of the table.
type Job struct {
	// Name is what people call it: words, dashes, and a colon before what it
	// is about where several jobs do the same.
	Name string
	// Help is one line for people.
	Help string
	// Schedule is in cron's five fields, or @every DURATION, @hourly, @daily...
	Schedule string
	// Jitter is the most that is added to each due time, chosen anew each time.
	Jitter time.Duration
	// Deadline bounds a run; 0 means defaultDeadline.
	Deadline time.Duration
	Overlap  Overlap
	// MaxPause is the longest wait between two runs of a job that fails: it
	// doubles from the schedule's own with each failure. 0 means that failures
	// change nothing.
	MaxPause time.Duration
	// Disabled jobs run only when somebody asks.
	Disabled bool
	// Run does the work and says in a few words what it did. It must end soon
	// after its context does.
	Run func(context.Context) (note string, err error)
}

// defaultDeadline bounds runs of jobs that name no deadline.
const defaultDeadline = time.Minute

// Parse reads a schedule. It fails with town.ErrUsage for one that makes no
// sense or that is never due.
func Parse(spec string) (cron.Schedule, error) {
	s, err := parse(spec)
	if err != nil {
		return nil, fmt.Errorf("%w: schedule %q: %w", town.ErrUsage, town.Clip(spec, 40), err)
	}
	return s, nil
}

func parse(spec string) (s cron.Schedule, err error) {
	if len(spec) > maxSpec {
		return nil, fmt.Errorf("longer than %d bytes", maxSpec)
	}
	// Some malformed specs make the parser panic instead of failing.
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("malformed")
		}
	}()
	if s, err = cron.ParseStandard(spec); err != nil {
		return nil, err
	}
	// A date that does not exist, such as 30 February.
	if s.Next(time.Now()).IsZero() {
		return nil, fmt.Errorf("it is never due")
	}
	return s, nil
}
