package files

import (
	"context"
)

const (
	// defaultRenewAfter is how many new files one directory gets one by one. With
	// more, a new directory takes its place; see staging.go. So many new files are
	// rare, and do not come while people work in the directory.
	defaultRenewAfter = 1000
	// defaultHeldBytes bounds the texts that are held until it is decided whether to
	// make a new directory, and whether to flush the texts one by one.
	defaultHeldBytes = 16 << 20
)

// plan is how the new files of one directory will be written.
type plan struct {
	decided bool
	staging *staging // nil: one by one, in the directory itself
	// held are the jobs that wait for the decision. Once there are more than next of
	// them, the decision is tried.
	held  []*job
	bytes int
	next  int
}

// route puts jobs that may start on a.ready. The others are held until their plan is
// decided.
func (a *apply) route(ctx context.Context, j *job) error {
	p := &a.plans[j.kind]
	switch {
	case j.exists || j.remove || a.ix.lookup(j.kind, j.name) != none:
		a.ready = append(a.ready, j) // there may be a file
		return nil
	case p.decided:
		a.assign(p, j)
		return nil
	}
	p.held = append(p.held, j)
	p.bytes += len(j.text)
	p.next = max(p.next, a.opts.RenewAfter)
	switch {
	case p.bytes > defaultHeldBytes:
		a.decide(p, nil)
	case len(p.held) > p.next:
		taken, err := j.dir.taken(ctx, len(p.held))
		switch {
		case err != nil:
			return err
		case len(taken) >= len(p.held):
			p.next = 2 * len(p.held)
			return nil
		}
		s, err := j.dir.stage(taken)
		if err != nil {
			a.unclean.Store(true)
			return err
		}
		a.decide(p, s)
	}
	return nil
}

// decide chooses s or, if it is nil, writing one by one. The held jobs may then start.
func (a *apply) decide(p *plan, s *staging) {
	p.decided, p.staging = true, s
	for _, j := range p.held {
		a.assign(p, j)
	}
	p.held = nil
}

// assign lets a job start whose plan is decided.
func (a *apply) assign(p *plan, j *job) {
	if s := p.staging; s != nil {
		if _, taken := s.taken[j.file(j.name)]; !taken {
			j.staging = s
			s.jobs = append(s.jobs, j)
		}
	}
	a.ready = append(a.ready, j)
}

// decideRest chooses writing one by one where nothing was decided: there are few
// new files.
func (a *apply) decideRest() {
	for k := range a.plans {
		if p := &a.plans[k]; !p.decided {
			a.decide(p, nil)
		}
	}
}

// stagings yields the new directories of this Apply.
func (a *apply) stagings(yield func(*staging) bool) {
	for k := range a.plans {
		if s := a.plans[k].staging; s != nil && !yield(s) {
			return
		}
	}
}
