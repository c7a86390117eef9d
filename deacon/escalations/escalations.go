// Package escalations is the part of the Deacon that raises escalations again which
// nobody acknowledged in time. While the ledger does not change and none is due, a pass
// costs one query of its newest commit. Without a Deacon gt escalate again raises them.
//
// It also ends escalations about held merge requests that are not held any more, because
// the command that released or rejected the request was killed before it ended them.
package escalations

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/escalate"
	"gastown/town/refinery"
)

// job is the name of the job.
const job = "escalate"

// Host is what the part needs of the Deacon.
type Host interface {
	Now() time.Time
	Inputs() string
	Ledger(context.Context, func(*ledger.Store) error) error
	Operational(context.Context, func(*operational.Store) error) error
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
		Name: job, Acts: true, Help: "raise again what a person must see and nobody acknowledged", Schedule: "@every 1m", Deadline: 5 * time.Minute, Run: p.run,
	}}
}

// run is one run of the job.
func (p *Part) run(ctx context.Context) (string, error) { return p.Rest.Run(ctx, p.pass) }

// pass ends what is outlived and raises what is due.
func (p *Part) pass(ctx context.Context) (note string, due time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.host.Now()
	changed, head := false, ""
	var open []escalate.Escalation
	err = p.host.Ledger(ctx, func(l *ledger.Store) (err error) {
		if head, err = l.Head(ctx); err != nil || head == p.head && (p.due.IsZero() || now.Before(p.due)) {
			return err
		}
		changed = true
		open, err = escalate.List(ctx, l, false, now)
		return err
	})
	if err == nil && changed {
		note, err = p.look(ctx, head, open, now)
	}
	if due = p.due; due.IsZero() {
		due = part.Never
	}
	return note, due, err
}

// look deals with the open escalations of the ledger at a commit.
func (p *Part) look(ctx context.Context, head string, open []escalate.Escalation, now time.Time) (note string, err error) {
	outlived, again, err := p.outlived(ctx, open, now)
	if err != nil {
		return "", err
	}
	var raised []escalate.Escalation
	err = p.host.Ledger(ctx, func(l *ledger.Store) error {
		for _, key := range outlived {
			if _, err := escalate.Settle(ctx, l, key, "no merge request is held for this any more", now); err != nil {
				return err
			}
		}
		var due time.Time
		if raised, due, err = escalate.Again(ctx, l, now); err == nil {
			p.head, p.due = head, earlier(due, again)
		}
		return err
	})
	if len(raised) > 0 {
		note = fmt.Sprintf("%d raised again", len(raised))
	}
	return note, err
}

// outlived are the keys of the escalations about held merge requests of which none is held any
// more. again is when to look again, zero for never.
func (p *Part) outlived(ctx context.Context, open []escalate.Escalation, now time.Time) (keys []string, again time.Time, err error) {
	rigs := map[string]bool{}
	for _, e := range open {
		if rig, ok := refinery.HeldIn(e.Key); ok {
			rigs[rig] = true
		}
	}
	if len(rigs) == 0 {
		return nil, again, nil
	}
	err = p.host.Operational(ctx, func(s *operational.Store) error {
		for rig := range rigs {
			requests, spoilt, err := s.Merges(ctx, rig, 0)
			if err != nil {
				return err
			}
			if len(spoilt) > 0 {
				continue // one of those may be held
			}
			some, due := refinery.Outlived(rig, open, requests, now)
			keys, again = append(keys, some...), earlier(again, due)
		}
		return nil
	})
	return keys, again, err
}

// earlier is the earlier of two times of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
