// Package convoys is the part of the Deacon that lands convoys: it closes those whose
// beads are all closed, and tells who asked. A pass comes every half minute, and at once
// after a bead was closed. While the ledger does not change, a pass costs one query of
// its newest commit. Without a Deacon gt convoy land runs the same pass.
//
// Every five minutes it looks for convoys that are stranded, and tells people of each once.
package convoys

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/convoy"
	"gastown/town/feed"
)

// The names of the jobs: job lands convoys, lookJob finds stranded ones.
const job, lookJob = "convoys", "stranded"

// Host is what the part needs of the Deacon.
type Host interface {
	Now() time.Time
	Inputs() string
	Log() logrus.FieldLogger
	Ledger(context.Context, func(*ledger.Store) error) error
	Operational(context.Context, func(*operational.Store) error) error
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host       Host
	rest, look *part.Rest
	refresh    prometheus.Histogram

	mu   sync.Mutex
	head string // the ledger's commit at which nothing was to be landed
	// still are the convoys that were stranded at the last look.
	still map[string]bool
}

var (
	_ part.Scheduled = (*Part)(nil)
	_ part.Woken     = (*Part)(nil)
	_ part.Asked     = (*Part)(nil)
	_ part.Measured  = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{host: h, rest: part.NewRest(job, h), look: part.NewRest(lookJob, h), refresh: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gt_convoy_refresh_duration_seconds", Help: "Time that a look at all convoys took.", Buckets: []float64{.01, .05, .2, 1, 2, 5, 10, 30},
	})}
}

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector { return []prometheus.Collector{p.refresh} }

// Woken implements part.Woken.
func (p *Part) Woken() (string, func(kind string) bool) { return job, wakes }

// Name implements part.Part.
func (p *Part) Name() string { return "convoys" }

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: job, Acts: true, Help: "land convoys whose beads are closed, and tell who asked", Schedule: "@every 30s", Deadline: 5 * time.Minute,
		Overlap: schedule.Follow, Run: p.run,
	}, {
		Name: lookJob, Acts: true, Help: "tell people of convoys on which nobody can work", Schedule: "@every 5m", Deadline: 5 * time.Minute, Run: p.find,
	}}
}

// wakes reports whether an event may mean that a convoy has arrived.
func wakes(kind string) bool {
	switch kind {
	case feed.BeadPrefix + "closed", feed.BeadPrefix + "unlinked", feed.BeadPrefix + "deleted", feed.BeadForeign:
		return true
	}
	return false
}

// Asked implements part.Asked.
func (p *Part) Asked(job string) {
	p.rest.Asked(job)
	p.look.Asked(job)
}

// run is one run of the job that lands convoys; find is one of the job that finds stranded
// ones.
func (p *Part) run(ctx context.Context) (string, error)  { return p.rest.Run(ctx, p.land) }
func (p *Part) find(ctx context.Context) (string, error) { return p.look.Run(ctx, p.stranded) }

// land lands the convoys that have arrived.
func (p *Part) land(ctx context.Context) (note string, due time.Time, err error) {
	p.mu.Lock()
	seen := p.head
	p.mu.Unlock()
	head := ""
	err = p.host.Ledger(ctx, func(l *ledger.Store) error {
		head, err = l.Head(ctx)
		return err
	})
	if err != nil || head == seen {
		return "", part.Never, err
	}
	began := time.Now()
	landed, err := convoy.Lander{Ledger: p.host.Ledger}.Pass(ctx)
	p.refresh.Observe(time.Since(began).Seconds())
	if err == nil {
		// The commits of the landing come after head, so the next pass looks once more.
		p.mu.Lock()
		p.head = head
		p.mu.Unlock()
	}
	if len(landed) > 0 {
		note = fmt.Sprintf("%d convoy(s) landed", len(landed))
	}
	return note, due, err
}
