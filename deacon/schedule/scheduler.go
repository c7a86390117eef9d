package schedule

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/sirupsen/logrus"

	"gastown/town"
)

const (
	// defaultGrace is how long a run may take to end once it is cancelled.
	defaultGrace = 3 * time.Second
	// defaultAtOnce is how many runs may be under way at once.
	defaultAtOnce = 32
	// defaultLook is the longest time between two looks at the clock: timers stop
	// while the machine sleeps, the clock does not.
	defaultLook = 30 * time.Second
)

// Options are the options of a Scheduler; all may be left out.
type Options struct {
	Log logrus.FieldLogger
	// Now is the wall clock.
	Now func() time.Time
	// Random returns a number in [0, 1), for jitter.
	Random func() float64
	// Grace is how long a cancelled run may take to end.
	Grace time.Duration
	// AtOnce is how many runs may be under way at once; 0 means 32. SetAtOnce
	// changes it.
	AtOnce int
	// Done is called after each run. It must not block.
	Done func(Run)
	// Last returns when a job ran last in an earlier process; the zero time for
	// never.
	Last func(job string) time.Time
}

// Scheduler runs jobs. It is safe for concurrent use.
type Scheduler struct {
	opts  Options
	wake  chan struct{}
	began chan struct{} // closed by Run
	runs  sync.WaitGroup

	mu      sync.Mutex
	entries map[string]*entry
	order   []string
	places  places
	stopped bool
	// ctx ends the runs. patient ends those of resumable jobs, which get time to
	// reach their next step. Run sets both.
	ctx, patient context.Context
}

// entry is a job and its state.
type entry struct {
	job      Job
	schedule cron.Schedule
	next     time.Time
	running  bool
	queued   bool   // waits for a place
	yield    func() // makes a run under way stop at its next step
	began    time.Time
	stuck    bool
	again    bool // one more run was requested
	due      bool // one more run is due by schedule
	failures int
	slowing  int // failures in a row that make the pauses longer
	skipped  int
	last     *Run
	waiters  []chan Run
	// gone says that the job was removed from the table during a run.
	gone bool
}

// New returns a scheduler without jobs.
func New(opts Options) *Scheduler {
	if opts.Log == nil {
		log := logrus.New()
		log.SetOutput(io.Discard)
		opts.Log = log
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Random == nil {
		opts.Random = rand.Float64
	}
	if opts.Grace == 0 {
		opts.Grace = defaultGrace
	}
	if opts.AtOnce == 0 {
		opts.AtOnce = defaultAtOnce
	}
	if opts.Done == nil {
		opts.Done = func(Run) {}
	}
	if opts.Last == nil {
		opts.Last = func(string) time.Time { return time.Time{} }
	}
	s := &Scheduler{opts: opts, wake: make(chan struct{}, 1), began: make(chan struct{}), entries: map[string]*entry{}}
	s.places = places{most: opts.AtOnce, rows: map[string]int{}}
	return s
}

// SetAtOnce changes how many runs may be under way at once; 0 means 32. Current
// runs continue.
func (s *Scheduler) SetAtOnce(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n == 0 {
		n = defaultAtOnce
	}
	s.places.most = n
	s.admit()
}

// Hold makes jobs that act wait for a place, until it is called with false. Current runs
// continue.
func (s *Scheduler) Hold(held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places.held = held
	s.admit()
}

// now has no monotonic part, which stops while the machine sleeps.
func (s *Scheduler) now() time.Time { return s.opts.Now().Round(0) }

// Set replaces the table. Jobs that are in both keep their history and, if their
// schedule is unchanged, their due time; current runs continue. If one job is
// malformed the old table stays.
func (s *Scheduler) Set(jobs []Job) error {
	now := s.now()
	fresh, order := map[string]*entry{}, []string{}
	var all []Job
	for _, row := range jobs {
		all = append(all, row.expand()...)
	}
	for _, j := range all {
		if j.Run == nil || j.Name == "" || fresh[j.Name] != nil {
			return fmt.Errorf("job %q is in the table twice, or has no name or nothing to run", town.Clip(j.Name, 64))
		}
		if j.Deadline == 0 {
			j.Deadline = defaultDeadline
		}
		when, err := Parse(j.Schedule)
		if err != nil {
			return fmt.Errorf("job %s: %w", j.Name, err)
		}
		fresh[j.Name] = &entry{job: j, schedule: when}
		order = append(order, j.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, e := range fresh {
		old := s.entries[name]
		switch {
		case old == nil:
			e.next = s.due(e, s.opts.Last(name), now)
		default:
			same := old.job.Schedule == e.job.Schedule
			old.job, old.schedule = e.job, e.schedule
			if !same {
				old.next = s.after(old, now)
			}
			fresh[name] = old
		}
	}
	for name, old := range s.entries {
		old.gone = fresh[name] == nil
	}
	s.entries, s.order = fresh, order
	s.admit() // limits may be wider, and waiting jobs may have been removed
	s.poke()
	return nil
}

// due is the first due time of a job that last ran at that time. If a run was
// missed since, it is now, plus jitter.
func (s *Scheduler) due(e *entry, last, now time.Time) time.Time {
	if last.IsZero() || last.After(now) {
		next := s.after(e, now)
		if first := now.Add(e.job.First + s.jitter(e)); last.IsZero() && e.job.First > 0 && first.Before(next) {
			return first
		}
		return next
	}
	if missed := e.schedule.Next(last); missed.After(now) {
		return missed.Add(s.jitter(e))
	}
	return now.Add(s.jitter(e))
}

func (s *Scheduler) jitter(e *entry) time.Duration {
	return time.Duration(s.opts.Random() * float64(e.job.Jitter))
}

// after is the due time that follows t, later when the job keeps failing.
func (s *Scheduler) after(e *entry, t time.Time) time.Time {
	next := e.schedule.Next(t).Round(0)
	if e.slowing > 1 && e.job.MaxPause > 0 {
		// Counted from one due time to the next, because t may be just before one.
		period := e.schedule.Next(next).Sub(next)
		pause := period
		for range min(e.slowing-1, 30) {
			if pause *= 2; pause >= e.job.MaxPause {
				pause = max(e.job.MaxPause, period)
				break
			}
		}
		// Up to a quarter less, so that Towns that failed together do not retry
		// together.
		next = t.Add(pause - time.Duration(s.opts.Random()*float64(pause)/4))
	}
	return next.Add(s.jitter(e))
}

// poke makes the loop look again.
func (s *Scheduler) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
