// Package retention is the part of the Deacon that removes old data: logs, records
// of the operational plane, and cached answers.
package retention

import (
	"context"
	"fmt"
	"time"

	"gastown/deacon/logs"
	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/layout"
)

// Host is what the part needs of the Deacon.
type Host interface {
	Layout() layout.Town
	Config() *config.Config
	Now() time.Time
	Operational(context.Context, func(*operational.Store) error) error
	// Caches are those of all parts.
	Caches() []part.Cache
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct{ host Host }

var _ part.Scheduled = (*Part)(nil)

// New returns the part.
func New(h Host) *Part { return &Part{h} }

// Name implements part.Part.
func (p *Part) Name() string { return "retention" }

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: "prune", Acts: true, Help: "remove old logs and old records", Schedule: "0 4 * * *", Jitter: 10 * time.Minute,
		Deadline: 5 * time.Minute, Run: p.prune,
	}}
}

func (p *Part) prune(ctx context.Context) (string, error) {
	for _, c := range p.host.Caches() {
		c.Sweep()
	}
	age, now := part.Duration(p.host.Config(), "deacon.log_age"), p.host.Now()
	files, err := logs.Prune(p.host.Layout().DeaconLog(), age, now)
	if err != nil {
		return "", err
	}
	var rows int64
	err = p.host.Operational(ctx, func(s *operational.Store) error {
		old, err := s.Prune(ctx, now.Add(-age))
		if err == nil {
			rows, err = s.PruneWork(ctx, now.Add(-part.Duration(p.host.Config(), "work.keep")))
		}
		rows += old
		for _, prune := range []func(context.Context, time.Time) (int64, error){s.PruneAlerts, s.PruneSpending} {
			if err == nil {
				old, err = prune(ctx, now)
				rows += old
			}
		}
		return err
	})
	if err != nil || files == 0 && rows == 0 {
		return "", err
	}
	return fmt.Sprintf("removed %d old log file(s) and %d old record(s)", files, rows), nil
}
