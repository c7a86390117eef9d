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
	Now() time.Time
	// Inputs changes with config/rigs.yaml and the rigs that are cloned, among others.
	Inputs() string
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	*part.Rest
	host Host
}

var (
	_ part.Scheduled = (*Part)(nil)
	_ part.Woken     = (*Part)(nil)
	_ part.Asked     = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{host: h, Rest: part.NewRest(job, h)}
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
		Name: job, Acts: true, Help: "keep the working trees of the rigs' pools ready", Schedule: "@every 30s", Jitter: 5 * time.Second,
		Deadline: 10 * time.Minute, MaxPause: 10 * time.Minute, Run: p.run,
	}}
}

// run is one run of the job.
func (p *Part) run(ctx context.Context) (string, error) { return p.Rest.Run(ctx, p.keep) }

// keep makes one pass over the pools of all rigs. A rig without one costs nothing but a
// look for leftovers. When there was nothing to do it is due again as soon as a remote may
// be asked for a newer base; where no rig has a pool, not before something changes.
func (p *Part) keep(ctx context.Context) (note string, due time.Time, err error) {
	yard := p.host.Rigs()
	if yard == nil {
		return "", part.Never, nil
	}
	all, err := yard.Load()
	if err != nil {
		return "", due, err
	}
	var errs []error
	done, idle := 0, part.Never
	for _, s := range all {
		r, err := yard.OpenLoaded(s)
		if errors.Is(err, gitcmd.ErrNotFound) {
			continue // gt rig status says so
		}
		if s.Pool > 0 {
			idle = p.host.Now().Add(fresh)
		}
		var actions []rig.PoolAction
		if err == nil {
			actions, err = tend(ctx, r, s.Pool)
		}
		if done += len(actions); err != nil {
			errs = append(errs, fmt.Errorf("rig %s: %w", s.Name, err))
		}
	}
	if err := errors.Join(errs...); err != nil || done == 0 {
		return "", idle, err
	}
	return fmt.Sprintf("%d working tree(s) made, refreshed or removed", done), due, nil
}

// tend looks after the pool of a rig, which is to have so many trees.
func tend(ctx context.Context, r *rig.Rig, size int) ([]rig.PoolAction, error) {
	if size == 0 {
		if left, err := r.PoolTrees(ctx); err != nil {
			return nil, err
		} else if len(left) == 0 {
			return nil, r.Sweep(ctx)
		}
	}
	return r.KeepPool(ctx, size, most, fresh)
}
