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

// Job is one row of the table: one job, or one for each of its Keys.
type Job struct {
	// Name is what people call it: words and dashes. The job of a key is called
	// NAME:KEY.
	Name string
	// Help is one line for people.
	Help string
	// Keys, unless nil, are what the row does its work for, one job each: remotes,
	// rigs. RunKey is then what the jobs do, instead of Run.
	Keys []string
	// AtOnce is how many of the row's jobs run at the same time; 0 means that only
	// Options.AtOnce bounds them.
	AtOnce int
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
	// Resumable says that Run calls Yield between its steps, and that a later run
	// goes on where one that yielded stopped. When the scheduler stops, such a run
	// has time to reach its next step before its context ends.
	Resumable bool
	// Run does the work and says in a few words what it did. It must end soon
	// after its context does.
	Run    func(context.Context) (note string, err error)
	RunKey func(ctx context.Context, key string) (note string, err error)

	// row is the name of the row an expanded job comes from.
	row string
}

// Row is the name of the row the job stands in: its Name without the key.
func (j Job) Row() string {
	if j.row != "" {
		return j.row
	}
	return j.Name
}

// expand replaces a row with keys by one job for each key. An expanded row is
// left as it is.
func (j Job) expand() []Job {
	if j.Keys == nil {
		return []Job{j}
	}
	var all []Job
	for _, key := range j.Keys {
		one := j
		one.Name, one.row, one.Keys = KeyedName(j.Name, key), j.Name, nil
		if run := j.RunKey; run != nil {
			one.Run = func(ctx context.Context) (string, error) { return run(ctx, key) }
		}
		all = append(all, one)
	}
	return all
}

// KeyedName is the name of the job that a row has for a key.
func KeyedName(row, key string) string { return row + ":" + key }

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
