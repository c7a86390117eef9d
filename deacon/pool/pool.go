// Package pool is the part of the Deacon that keeps working trees ready: it makes those
// that are missing from the rigs' pools, brings the others to the newest base, and
// removes what killed processes left of trees.
package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town/config"
	"gastown/town/rig"
)

const (
	// fresh is how old the newest known base of a rig with a pool may be before its
	// remote is asked.
	fresh = 2 * time.Minute
	job   = "pool"
	// most is how many trees of a rig one run makes or renews. The next run goes on.
	most = 5
)

// Host is what the part needs of the Deacon.
type Host interface {
	// Rigs are the Town's rigs; nil when the Deacon has none.
	Rigs() *rig.Yard
	Log() logrus.FieldLogger
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host Host
}

var (
	_ part.Scheduled = (*Part)(nil)
	_ part.Woken     = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{host: h}
}

// wakes reports whether an event may mean that a pool has work: a session took a tree,
// or a base moved.
func wakes(kind string) bool {
	return kind == operational.SessionStarted || kind == operational.MergePrefix+string(operational.MergeLanded)
}

// Woken implements part.Woken.
func (p *Part) Woken() (string, func(kind string) bool) { return job, wakes }

// Name implements part.Part.
func (p *Part) Name() string { return "pool" }

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: job, Help: "keep the working trees of the rigs' pools ready", Schedule: "@every 30s", Jitter: 5 * time.Second,
		Deadline: 10 * time.Minute, MaxPause: 10 * time.Minute, Run: p.keep,
	}}
}

// keep makes one pass over the pools of all rigs. A rig without one costs nothing but a
// look for leftovers.
func (p *Part) keep(ctx context.Context) (string, error) {
	yard := p.host.Rigs()
	if yard == nil {
		return "", nil
	}
	all, err := yard.Load()
	if err != nil {
		return "", err
	}
	var errs []error
	done := 0
	for _, s := range all {
		r, err := yard.OpenLoaded(s)
		if errors.Is(err, gitcmd.ErrNotFound) {
			continue // gt rig status says so
		}
		if err == nil && s.Pool == 0 {
			var left []rig.PoolTree
			if left, err = r.PoolTrees(ctx); err == nil && len(left) == 0 {
				err = r.Sweep(ctx)
				if err == nil {
					continue
				}
			}
		}
		if err == nil {
			var actions []rig.PoolAction
			actions, err = r.KeepPool(ctx, s.Pool, most, fresh)
			done += len(actions)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("rig %s: %w", s.Name, err))
		}
	}
	if err := errors.Join(errs...); err != nil || done == 0 {
		return "", err
	}
	return fmt.Sprintf("%d working tree(s) made, refreshed or removed", done), nil
}
