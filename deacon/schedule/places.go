package schedule

import "slices"

// places counts the runs under way, in total and by row, and holds the queue of
// jobs that wait for a place. The scheduler's mutex guards it.
type places struct {
	most    int  // in total
	held    bool // no run of a job that acts begins
	all     int
	rows    map[string]int
	waiting []*entry
}

// free reports whether a run of a job may begin.
func (p *places) free(j Job) bool {
	return !(p.held && j.Acts) && p.all < p.most && (j.AtOnce == 0 || p.rows[j.Row()] < j.AtOnce)
}

// take counts a run that begins.
func (p *places) take(row string) {
	p.all++
	p.rows[row]++
}

// leave counts a run that ended.
func (p *places) leave(row string) {
	p.all--
	if p.rows[row]--; p.rows[row] == 0 {
		delete(p.rows, row)
	}
}

// wait puts a job at the end of the queue, once.
func (p *places) wait(e *entry) {
	if !e.queued {
		e.queued = true
		p.waiting = append(p.waiting, e)
	}
}

// next removes from the queue the first job that may run, or that was removed from
// the table; nil if there is none.
func (p *places) next() *entry {
	for i, e := range p.waiting {
		if e.gone || p.free(e.job) {
			p.waiting = slices.Delete(p.waiting, i, i+1)
			e.queued = false
			return e
		}
	}
	return nil
}

// admit starts waiting jobs for which there is a place now. The caller holds mu.
func (s *Scheduler) admit() {
	for e := s.places.next(); e != nil; e = s.places.next() {
		if !e.gone {
			s.start(e)
		}
		if !e.running {
			s.dismiss(e)
		}
	}
}

// dismiss tells callers that wait for a run of a job that there will be none. The
// caller holds mu.
func (s *Scheduler) dismiss(e *entry) {
	for _, w := range e.waiters {
		w <- Run{Job: e.job.Name, Began: s.now(), Outcome: Stopped, Err: errNoMore}
	}
	e.waiters = nil
}
