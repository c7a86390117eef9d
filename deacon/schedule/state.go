package schedule

import "time"

// State is a job and how it goes.
type State struct {
	Job
	// Next is when it is due; zero for one that is disabled.
	Next time.Time
	// Running since Began. Stuck: cancelled, and it does not end.
	Running bool
	Stuck   bool
	Began   time.Time
	// Waiting for a place: as many runs are under way as there may be.
	Waiting bool
	// Last is the last run since the scheduler was made; nil for none.
	Last *Run
	// Failures counts those since the last success, Skipped the runs that the
	// overlap rule dropped.
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
