package schedule

import "time"

// State is the state of a job.
type State struct {
	Job
	// Next is when the job is due; zero if it is disabled.
	Next time.Time
	// Running says that a run is under way since Began; Stuck, that it was
	// cancelled and does not end.
	Running bool
	Stuck   bool
	Began   time.Time
	// Waiting says that the job waits because as many runs are under way as
	// allowed, or because what acts is held.
	Waiting bool
	// Last is the last run since the scheduler was made; nil for none.
	Last *Run
	// Failures counts the failures since the last success, Skipped the runs that
	// the overlap rule dropped.
	Failures int
	Skipped  int
}

// Jobs returns the state of each job, in the order of the table.
func (s *Scheduler) Jobs() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]State, 0, len(s.order))
	for _, name := range s.order {
		e := s.entries[name]
		st := State{Job: e.job, Running: e.running, Stuck: e.stuck, Began: e.began, Waiting: e.queued, Failures: e.failures, Skipped: e.skipped}
		if !e.job.Disabled {
			st.Next = e.next
		}
		if e.last != nil {
			last := *e.last
			st.Last = &last
		}
		all = append(all, st)
	}
	return all
}
