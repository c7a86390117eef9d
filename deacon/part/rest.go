package part

import (
	"context"
	"sync"
	"time"
)

// longestRest is how long a job rests at most. After it the job sees changes that Inputs
// does not cover, such as a session that somebody started by hand.
const longestRest = 10 * time.Minute

// Never is the due time of a run that has nothing to do until its inputs change.
var Never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Rest skips the runs of a job that would find what the last one found. A run that had
// nothing to do returns when it is due again although nothing changes, for instance when a
// time limit passes. Until then the job rests as long as its inputs stay the same. It does
// not rest after a failure, nor when somebody asks for a run.
type Rest struct {
	job  string
	host interface {
		Now() time.Time
		Inputs() string
	}

	mu     sync.Mutex
	inputs string    // while they stay the same, the job rests; "" when it does not rest
	since  time.Time // when the rest began
	due    time.Time
	asked  bool // since the last run began
}

var _ Asked = (*Rest)(nil)

// NewRest returns the Rest of one job. Inputs identifies the state of everything that a run
// reads: while it returns the same, nothing changed. It returns "" when it cannot tell.
func NewRest(job string, h interface {
	Now() time.Time
	Inputs() string
}) *Rest {
	return &Rest{job: job, host: h}
}

// Asked implements Asked.
func (r *Rest) Asked(job string) {
	if job == r.job {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.inputs, r.asked = "", true
	}
}

// Run is one run of the job: pass, unless the job rests. pass returns when it is due again
// although nothing changes: Never, or the zero time for the next run by schedule.
func (r *Rest) Run(ctx context.Context, pass func(context.Context) (note string, due time.Time, err error)) (note string, err error) {
	inputs, needed := r.Begin()
	if !needed {
		return "", nil
	}
	note, due, err := pass(ctx)
	if err != nil {
		due = time.Time{}
	}
	r.End(inputs, due)
	return note, err
}

// Begin reports whether a run is needed, and returns what End takes when the run is over.
func (r *Rest) Begin() (inputs string, needed bool) {
	inputs = r.host.Inputs() // before anything is read
	now := r.host.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = false
	rests := inputs != "" && inputs == r.inputs && now.Before(r.due) && !now.Before(r.since) && now.Sub(r.since) < longestRest
	return inputs, !rests
}

// End lets the job rest until it is due, if its inputs were known and nobody asked for
// another run meanwhile.
func (r *Rest) End(inputs string, due time.Time) {
	now := r.host.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked || !now.Before(due) {
		inputs = ""
	}
	r.inputs, r.since, r.due = inputs, now, due
}
