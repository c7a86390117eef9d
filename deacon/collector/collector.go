// Package collector is the part of the Deacon that collects the planes' garbage and
// watches how fast they answer and how they grow.
package collector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gastown/deacon/check"
	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/layout"
)

// Host is what the part needs of the Deacon.
type Host interface {
	Layout() layout.Town
	Now() time.Time
	Operational(context.Context, func(*operational.Store) error) error
	// Collect collects the garbage of a plane: always, or only if its files have
	// grown enough. did says whether it did.
	Collect(ctx context.Context, plane string, always bool) (did bool, err error)
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host  Host
	check check.Dolt

	latency, data prometheus.Gauge
}

var (
	_ part.Scheduled = (*Part)(nil)
	_ part.Checked   = (*Part)(nil)
	_ part.Measured  = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	p := &Part{
		host:    h,
		latency: prometheus.NewGauge(prometheus.GaugeOpts{Name: "gt_dolt_latency_seconds", Help: "Time of the last point read of the database."}),
		data:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "gt_dolt_data_bytes", Help: "Size of all planes on disk."}),
	}
	p.check = check.Dolt{Latency: p.measure, Now: h.Now, Seen: func(latency time.Duration, bytes int64) {
		p.latency.Set(latency.Seconds())
		p.data.Set(float64(bytes))
	}}
	return p
}

// Name implements part.Part.
func (p *Part) Name() string { return "collector" }

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector { return []prometheus.Collector{p.latency, p.data} }

// Jobs implements part.Scheduled. Each plane is a step: a run that is stopped has
// collected whole planes.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{
		{
			Name: "gc", Help: "collect the garbage of every plane", Schedule: "30 3 * * *", Jitter: 10 * time.Minute,
			Deadline: 30 * time.Minute, MaxPause: 24 * time.Hour, Resumable: true,
			Run: func(ctx context.Context) (string, error) { return p.collect(ctx, true) },
		},
		{
			Name: "gc-by-size", Help: "collect the garbage of planes that have grown", Schedule: "@every 10m", Jitter: time.Minute,
			Deadline: 10 * time.Minute, MaxPause: time.Hour, Resumable: true,
			Run: func(ctx context.Context) (string, error) { return p.collect(ctx, false) },
		},
	}
}

// collect collects the garbage of each plane, or only of those that have grown.
func (p *Part) collect(ctx context.Context, always bool) (string, error) {
	var packed []string
	var failed []error
	for _, plane := range []string{layout.Operational, layout.Ledger, layout.Federation} {
		if err := schedule.Yield(ctx); err != nil {
			failed = append(failed, err)
			break
		}
		did, err := p.host.Collect(ctx, plane, always)
		if err != nil {
			failed = append(failed, fmt.Errorf("collect the garbage of the %s plane: %w", plane, err))
		}
		if did {
			packed = append(packed, plane)
		}
	}
	if len(packed) == 0 {
		return "", errors.Join(failed...)
	}
	return "packed: " + strings.Join(packed, ", "), errors.Join(failed...)
}

// Checks implements part.Checked. The check remembers the size between two runs.
func (p *Part) Checks(cfg *config.Config) []check.Check {
	one := check.Check{Name: "dolt", Help: "latency of a query, size and growth of the planes"}
	one.Run = func(ctx context.Context) (check.Result, error) {
		p.check.Data = p.host.Layout().Data("")
		p.check.Warning = time.Duration(part.Int(cfg, "deacon.latency_warning")) * time.Millisecond
		p.check.Critical = time.Duration(part.Int(cfg, "deacon.latency_critical")) * time.Millisecond
		p.check.MaxBytes = part.Bytes(cfg, "deacon.data_warning")
		return p.check.Check().Run(ctx)
	}
	return []check.Check{one}
}

// measure runs a small query.
func (p *Part) measure(ctx context.Context) (took time.Duration, err error) {
	err = p.host.Operational(ctx, func(s *operational.Store) error {
		took, err = s.Latency(ctx)
		return err
	})
	return took, err
}
