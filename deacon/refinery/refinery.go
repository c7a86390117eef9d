// Package refinery is the part of the Deacon that lands work: it runs a pass of each
// rig's merge queue every half minute, and at once after an event about merge requests.
// A pass may take as long as the checks do, so each rig has its own, and none waits for
// another. Without a Deacon gt refinery merge runs the same pass.
package refinery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/refinery"
)

// job is the name of the job.
const job = "refinery"

// Refineries returns the merge queues of the rigs for a configuration. The functions
// open the planes while they run.
type Refineries func(cfg *config.Config, rows operational.Access, beads ledger.Access) ([]*refinery.Refinery, error)

// Host is what the part needs of the Deacon.
type Host interface {
	Config() *config.Config
	Now() time.Time
	Inputs() string
	Log() logrus.FieldLogger
	Operational(context.Context, func(*operational.Store) error) error
	Ledger(context.Context, func(*ledger.Store) error) error
	Refineries() Refineries
	// OnDuty returns a context that ends when this directory must not act any more.
	OnDuty(context.Context) (acting context.Context, done func(), ok bool)
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	*part.Rest
	host Host
	// gate is held for reading while a plane is used, and for writing while the planes
	// are lent: checks go on meanwhile.
	gate sync.RWMutex

	mu     sync.Mutex
	life   context.Context // ends with the Deacon; nil before Start and after Stop
	end    context.CancelFunc
	again  map[string]bool  // the rigs that have a pass, and whether another follows
	failed map[string]error // of the last pass of a rig
	group  sync.WaitGroup   // of the passes
}

var (
	_ part.Starter   = (*Part)(nil)
	_ part.Stopper   = (*Part)(nil)
	_ part.Paused    = (*Part)(nil)
	_ part.Scheduled = (*Part)(nil)
	_ part.Woken     = (*Part)(nil)
	_ part.Asked     = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{host: h, again: map[string]bool{}, failed: map[string]error{}, Rest: part.NewRest(job, h)}
}

// Woken implements part.Woken.
func (p *Part) Woken() (string, func(kind string) bool) { return job, wakes }

// Name implements part.Part.
func (p *Part) Name() string { return "refinery" }

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: job, Acts: true, Help: "begin to test and land what waits in the rigs' merge queues", Schedule: "@every 30s", Deadline: time.Minute,
		Overlap: schedule.Follow, Run: p.run,
	}}
}

// Start implements part.Starter.
func (p *Part) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.life, p.end = context.WithCancel(ctx)
	return nil
}

// Stop implements part.Stopper. It ends the passes, with the checks that run.
func (p *Part) Stop(ctx context.Context) error {
	p.mu.Lock()
	if p.life != nil {
		p.end()
		p.life = nil
	}
	p.mu.Unlock()
	done := make(chan struct{})
	go func() { p.group.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("end the refineries: %w", ctx.Err())
	}
}

// Pause implements part.Paused.
func (p *Part) Pause(context.Context) error {
	p.gate.Lock()
	return nil
}

// Resume implements part.Paused.
func (p *Part) Resume() { p.gate.Unlock() }

// run begins a pass of each rig that has none under way, and asks for another one where
// one is. Its error is what failed since the last run. When no rig has a request, the job
// rests.
func (p *Part) run(context.Context) (note string, err error) {
	inputs, needed := p.Begin()
	if !needed {
		return "", nil
	}
	all, err := p.host.Refineries()(p.host.Config(), p.rows, p.beads)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, failed := range p.failed {
		err = errors.Join(err, fmt.Errorf("the refinery of %s: %w", name, failed))
		delete(p.failed, name)
	}
	if p.life == nil {
		return "", err
	}
	round := &round{inputs: inputs, left: len(all), due: part.Never}
	if len(all) == 0 {
		p.End(inputs, part.Never)
	}
	for _, r := range all {
		if _, under := p.again[r.Rig.Name]; under {
			p.again[r.Rig.Name] = true
			continue
		}
		p.again[r.Rig.Name] = false
		life, done, _ := p.host.OnDuty(p.life)
		p.group.Go(func() {
			defer done()
			p.passes(life, r, round)
		})
	}
	return "", err
}

// round is one run: the passes of all rigs that it began. One that did not begin, because
// the rig had a pass under way, counts as left.
type round struct {
	inputs string
	left   int
	due    time.Time
}

// ended notes how a pass of a round ended. The last one lets the job rest until the
// first rig has something to decide.
func (p *Part) ended(of *round, done refinery.Done, err error) {
	switch {
	case err != nil || !done.Idle:
		of.due = time.Time{}
	case !done.Again.IsZero() && done.Again.Before(of.due):
		of.due = done.Again
	}
	if of.left--; of.left == 0 {
		p.End(of.inputs, of.due)
	}
}

// passes runs passes of one rig until none is asked for any more.
func (p *Part) passes(ctx context.Context, r *refinery.Refinery, of *round) {
	for more := true; more; {
		done, err := r.Pass(ctx)
		p.mu.Lock()
		if of != nil {
			p.ended(of, done, err)
			of = nil // passes that follow belong to no round
		}
		switch {
		case err == nil || ctx.Err() != nil || errors.Is(err, town.ErrBusy): // somebody else runs one
		default:
			p.failed[r.Rig.Name] = err
			p.host.Log().WithField("rig", r.Rig.Name).WithError(err).Warn("a pass of the refinery failed; the next one tries again")
		}
		if more = p.again[r.Rig.Name] && ctx.Err() == nil; more {
			p.again[r.Rig.Name] = false
		} else {
			delete(p.again, r.Rig.Name)
		}
		p.mu.Unlock()
	}
}

func (p *Part) rows(ctx context.Context, fn func(*operational.Store) error) error {
	p.gate.RLock()
	defer p.gate.RUnlock()
	return p.host.Operational(ctx, fn)
}

func (p *Part) beads(ctx context.Context, fn func(*ledger.Store) error) error {
	p.gate.RLock()
	defer p.gate.RUnlock()
	return p.host.Ledger(ctx, fn)
}

// wakes reports whether an event may mean that there is something to do.
func wakes(kind string) bool {
	switch kind {
	case operational.AssignmentPrefix + string(town.Submitted), operational.RefineryAsked, operational.RefineryResumed:
		return true
	}
	return strings.HasPrefix(kind, operational.MergePrefix) && kind != operational.MergePrefix+string(operational.MergeHeld)
}
