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

// Overlap says what happens when a run is due or requested while the previous run
// of its job is under way.
type Overlap int

// The overlap rules.
const (
	// Skip drops the run, because the run under way does the work.
	Skip Overlap = iota
	// Follow starts one run when the run under way ends, because that one may have
	// missed the latest changes.
	Follow
)

// Job is one row of the table: one job, or one for each of its Keys.
type Job struct {
	// Name is words and dashes. The job of a key is called NAME:KEY.
	Name string
	// Help is one line for people.
	Help string
	// Keys, unless nil, are what the row works for, one job each: remotes or rigs.
	// The jobs then call RunKey instead of Run.
	Keys []string
	// ScheduleKey, unless nil, is the Schedule of the job of a key.
	ScheduleKey func(key string) string
	// AtOnce is how many of the row's jobs may run at the same time; 0 means that
	// only Options.AtOnce limits them.
	AtOnce int
	// Schedule is cron's five fields, or @every DURATION, @hourly, @daily...
	Schedule string
	// Jitter is the largest random delay added to each due time.
	Jitter time.Duration
	// Deadline bounds a run; 0 means defaultDeadline.
	Deadline time.Duration
	// First is when a job that has never run is due, counted from when it is first known; 0
	// means by its schedule. Without it a job of every day never runs where no Deacon lives
	// for a day.
	First   time.Duration
	Overlap Overlap
	// MaxPause is the longest pause between runs of a failing job: the pause starts
	// at the schedule's interval and doubles with each failure. 0 means that
	// failures do not change the schedule.
	MaxPause time.Duration
	// Disabled jobs run only on request.
	Disabled bool
	// Absent says that the Town does not have this job now, such as backup without
	// backup.to. It never runs, but deacon/schedule.yaml may name it, so that a Deacon
	// starts after its Town lost the job.
	Absent bool
	// Resumable says that Run calls Yield between its steps, and that a later run
	// goes on where one that yielded stopped. When the scheduler stops, such a run
	// has time to reach its next step before its context ends.
	Resumable bool
	// Acts says that the job acts in the Town's name, so it does nothing in a directory
	// that is not the Town's active one.
	Acts bool
	// Tells says that the job tells people what rows say, so it does nothing in a directory
	// that stands by, whose rows are the active one's.
	Tells bool
	// Run does the work and returns a short description of what it did. It must
	// return soon after its context ends.
	Run    func(context.Context) (note string, err error)
	RunKey func(ctx context.Context, key string) (note string, err error)

	// row is the name of the row that an expanded job comes from.
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
		if j.ScheduleKey != nil {
			one.Schedule, one.ScheduleKey = j.ScheduleKey(key), nil
		}
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

// Parse reads a schedule. It fails with town.ErrUsage if the schedule is malformed
// or is never due.
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
	// Some malformed schedules make the parser panic.
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("malformed")
		}
	}()
	if s, err = cron.ParseStandard(spec); err != nil {
		return nil, err
	}
	// The date does not exist, such as 30 February.
	if s.Next(time.Now()).IsZero() {
		return nil, fmt.Errorf("it is never due")
	}
	return s, nil
}
