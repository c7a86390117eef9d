// Package witness is the part of the Deacon that patrols the rigs: it finds polecats that
// do not get on, nudges them, and takes their work away when nothing helps. A patrol comes
// every half minute (witness.interval), and at once after an event about an agent that is
// stalled or waits, or about work that was given back. Without a Deacon gt witness patrol
// does the same.
package witness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/witness"
)

// job is the name of the job.
const job = "witness"

// deadline bounds one patrol: it saves and pushes what it takes away.
const deadline = 10 * time.Minute

// Patrols returns the Witness of a configuration. The functions open the planes while
// they run.
type Patrols func(cfg *config.Config, rows operational.Access, beads ledger.Access) (*witness.Witness, error)

// Host is what the part needs of the Deacon.
type Host interface {
	Config() *config.Config
	Now() time.Time
	Inputs() string
	Log() logrus.FieldLogger
	Operational(context.Context, func(*operational.Store) error) error
	Ledger(context.Context, func(*ledger.Store) error) error
	Patrols() Patrols
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	*part.Rest
	host   Host
	patrol prometheus.Histogram
}

var (
	_ part.Scheduled = (*Part)(nil)
	_ part.Woken     = (*Part)(nil)
	_ part.Asked     = (*Part)(nil)
	_ part.Measured  = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{host: h, Rest: part.NewRest(job, h), patrol: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gt_witness_patrol_duration_seconds", Help: "Time that one patrol of all rigs took.", Buckets: []float64{.1, .5, 1, 5, 10, 30, 60, 120},
	})}
}

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector { return []prometheus.Collector{p.patrol} }

// Woken implements part.Woken.
func (p *Part) Woken() (string, func(kind string) bool) { return job, wakes }

// Name implements part.Part.
func (p *Part) Name() string { return "witness" }

// Jobs implements part.Scheduled.
func (p *Part) Jobs(cfg *config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: job, Acts: true, Help: "look how the polecats do; nudge and recover those that do not get on", Schedule: "@every " + part.Duration(cfg, "witness.interval").String(),
		Deadline: deadline, Overlap: schedule.Follow, Run: p.run,
	}}
}

// run is one run of the job.
func (p *Part) run(ctx context.Context) (string, error) { return p.Rest.Run(ctx, p.look) }

// look is one patrol.
func (p *Part) look(ctx context.Context) (note string, due time.Time, err error) {
	w, err := p.host.Patrols()(p.host.Config(), p.host.Operational, p.host.Ledger)
	if err != nil || len(w.Rigs) == 0 {
		return "", part.Never, err
	}
	began := time.Now()
	done, err := w.Patrol(ctx)
	p.patrol.Observe(time.Since(began).Seconds())
	for _, a := range done.Actions {
		p.host.Log().WithField("deed", string(a.Deed)).Info("witness: " + town.Visible(a.String()))
	}
	if len(done.Actions) > 0 {
		note = fmt.Sprintf("%d action(s)", len(done.Actions))
	}
	if done.Idle {
		due = part.Never
	}
	return note, due, errors.Join(done.Err(), err)
}

// wakes reports whether an event may mean that there is something to do.
func wakes(kind string) bool {
	switch kind {
	case operational.AgentPrefix + string(town.AgentStalled), operational.AgentPrefix + string(town.AgentWaiting),
		operational.AssignmentPrefix + string(town.Returned), operational.AssignmentPrefix + string(town.Stuck):
		return true
	}
	return false
}
