// Package dispatcher is the part of the Deacon that makes work go on: it gives waiting
// beads to polecats, starts and ends their sessions, and lets the ledger follow. A
// pass comes every half minute, and at once after an event about work. Without a
// Deacon the commands run the same passes.
package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/polecat"
	"gastown/town/queue"
)

const (
	// job is the name of the job.
	job = "dispatch"
	// glance is the pause between two passes while sessions start.
	glance = time.Second
)

// Workers returns the controller and the dispatcher for a configuration. The
// functions open the planes while they run.
type Workers func(cfg *config.Config, rows operational.Access, beads ledger.Access) (*polecat.Controller, queue.Dispatcher, error)

// Host is what the part needs of the Deacon.
type Host interface {
	Config() *config.Config
	Now() time.Time
	Inputs() string
	Log() logrus.FieldLogger
	Operational(context.Context, func(*operational.Store) error) error
	Ledger(context.Context, func(*ledger.Store) error) error
	Workers() Workers
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	*part.Rest
	host Host
	// spawned are the times from an assignment to a polecat until it works. working are
	// the assignments that worked at the last look; nil before the first.
	spawned prometheus.Histogram
	working map[town.Epoch]bool
}

var (
	_ part.Scheduled = (*Part)(nil)
	_ part.Woken     = (*Part)(nil)
	_ part.Asked     = (*Part)(nil)
	_ part.Measured  = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{host: h, Rest: part.NewRest(job, h), spawned: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gt_polecat_spawn_duration_seconds", Help: "Time from the assignment of a bead until its polecat works.",
		Buckets: []float64{.5, 1, 2, 5, 10, 15, 30, 60, 300},
	})}
}

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector { return []prometheus.Collector{p.spawned} }

// Woken implements part.Woken.
func (p *Part) Woken() (string, func(kind string) bool) { return job, wakes }

// Name implements part.Part.
func (p *Part) Name() string { return "dispatcher" }

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: job, Acts: true, Help: "assign what waits, start and end sessions", Schedule: "@every 30s", Deadline: 10 * time.Minute,
		Overlap: schedule.Follow, Run: p.run,
	}}
}

// run is one run of the job.
func (p *Part) run(ctx context.Context) (string, error) { return p.Rest.Run(ctx, p.passes) }

// passes are passes until no session starts any more. Without work and without sessions of
// polecats there is nothing to do until something changes.
func (p *Part) passes(ctx context.Context) (note string, due time.Time, err error) {
	c, d, err := p.host.Workers()(p.host.Config(), p.host.Operational, p.host.Ledger)
	if err != nil || len(d.Rigs) == 0 {
		return "", part.Never, err
	}
	assigned, did := 0, 0
	for {
		made, err := d.Pass(ctx)
		assigned += len(made)
		if err != nil {
			return "", due, err
		}
		done, err := c.Pass(ctx)
		did += len(done.Actions)
		if err = errors.Join(done.Err(), err); err != nil {
			return "", due, err
		}
		again, work, err := p.look(ctx)
		if err == nil && !work && done.Idle {
			due = part.Never
		}
		if err != nil || !again {
			return summary(assigned, did), due, err
		}
		select {
		case <-ctx.Done():
			return summary(assigned, did), due, ctx.Err()
		case <-time.After(glance):
		}
	}
}

// look reports whether an agent is on its way to its work, and not stalled; and whether
// there is any work.
func (p *Part) look(ctx context.Context) (starting, work bool, err error) {
	err = p.host.Operational(ctx, func(s *operational.Store) error {
		w, err := s.Work(ctx)
		work = len(w.Assignments)+len(w.Queue)+len(w.Holds)+len(w.Spoilt) > 0
		for _, a := range w.Assignments {
			who, _ := w.Agent(a.Agent)
			starting = starting || a.State == town.Assigned && who.State == town.AgentWorking
		}
		if err == nil {
			p.measure(w.Assignments)
		}
		return err
	})
	return starting, work, err
}

// measure observes the polecats that work since the last look. Looks do not overlap.
func (p *Part) measure(all []operational.Assignment) {
	working := map[town.Epoch]bool{}
	for _, a := range all {
		if a.State != town.Working || a.Agent.Kind != town.Polecat {
			continue
		}
		working[a.Epoch] = true
		if p.working != nil && !p.working[a.Epoch] {
			p.spawned.Observe(a.Changed.Sub(a.At).Seconds())
		}
	}
	p.working = working
}

func summary(assigned, did int) string {
	if assigned+did == 0 {
		return ""
	}
	return fmt.Sprintf("%d assigned, %d action(s)", assigned, did)
}

// wakes reports whether an event may mean that there is something to do.
func wakes(kind string) bool {
	return kind == operational.Queued || strings.HasPrefix(kind, operational.AssignmentPrefix) || kind == operational.SessionRenewed
}
