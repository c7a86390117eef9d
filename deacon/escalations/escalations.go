// Package escalations is the part of the Deacon that raises escalations again which
// nobody acknowledged in time. While the ledger does not change and none is due, a pass
// costs one query of its newest commit. Without a Deacon gt escalate again runs the same
// pass.
package escalations

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/ledger"
	"gastown/town/config"
	"gastown/town/escalate"
)

// job is the name of the job.
const job = "escalate"

// Host is what the part needs of the Deacon.
type Host interface {
	Now() time.Time
	Inputs() string
	Ledger(context.Context, func(*ledger.Store) error) error
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	*part.Rest
	host Host

	mu   sync.Mutex
	head string    // the ledger's commit that was looked at last
	due  time.Time // when the first escalation of it is to be raised; zero for never
}

var (
	_ part.Scheduled = (*Part)(nil)
	_ part.Asked     = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part { return &Part{host: h, Rest: part.NewRest(job, h)} }

// Name implements part.Part.
func (p *Part) Name() string { return "escalations" }

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: job, Help: "raise again what a person must see and nobody acknowledged", Schedule: "@every 1m", Deadline: 5 * time.Minute, Run: p.run,
	}}
}

// run is one run of the job.
func (p *Part) run(ctx context.Context) (string, error) { return p.Rest.Run(ctx, p.pass) }

// pass raises what is due.
func (p *Part) pass(ctx context.Context) (note string, due time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.host.Now()
	var raised []escalate.Escalation
	err = p.host.Ledger(ctx, func(l *ledger.Store) error {
		head, err := l.Head(ctx)
		if err != nil || head == p.head && (p.due.IsZero() || now.Before(p.due)) {
			return err
		}
		due := time.Time{}
		if raised, due, err = escalate.Again(ctx, l, now); err == nil {
			p.head, p.due = head, due
		}
		return err
	})
	if len(raised) > 0 {
		note = fmt.Sprintf("%d raised again", len(raised))
	}
	if due = p.due; due.IsZero() {
		due = part.Never
	}
	return note, due, err
}
