package files

import (
	"context"
)

const (
	// defaultRenewAfter is how many new files in one directory make it worth
	// putting a new directory in its place; see staging.go. So many do not come
	// one day like any other, when people have the directory open.
	defaultRenewAfter = 1000
	// defaultHeldBytes bounds the texts that wait for that decision, and for the
	// one whether to flush them one by one.
	defaultHeldBytes = 16 << 20
)

// plan is how the new files of one directory are going to be written.
type plan struct {
	decided bool
	staging *staging // nil: one by one
	// held wait for the decision, which is looked for when there are more than
	// next of them.
	held  []*job
	bytes int
	next  int
}

// route decides what becomes of a job, and puts those that may start on
// a.ready.
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

// decide ends the waiting: for s, or for one by one.
func (a *apply) decide(p *plan, s *staging) {
	p.decided, p.staging = true, s
	for _, j := range p.held {
		a.assign(p, j)
	}
	p.held = nil
}

// assign hands out a job whose plan is decided.
func (a *apply) assign(p *plan, j *job) {
	if s := p.staging; s != nil {
		if _, taken := s.taken[j.file(j.name)]; !taken {
			j.staging = s
			s.jobs = append(s.jobs, j)
		}
	}
	a.ready = append(a.ready, j)
}

// decideRest ends the waiting where there are not that many.
func (a *apply) decideRest() {
	for k := range a.plans {
		if p := &a.plans[k]; !p.decided {
			a.decide(p, nil)
		}
	}
}

// stagings yields the directories that are being made.
func (a *apply) stagings(yield func(*staging) bool) {
	for k := range a.plans {
		if s := a.plans[k].staging; s != nil && !yield(s) {
			return
		}
	}
}
