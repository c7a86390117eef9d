// Package machine is the part of the Deacon that watches the Town's use of its
// machine: the disk, tmux, and the Git repositories.
package machine

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gastown/deacon/check"
	"gastown/deacon/part"
	"gastown/tmux"
	"gastown/town/config"
	"gastown/town/layout"
)

// Host is what the part needs of the Deacon.
type Host interface {
	Layout() layout.Town
	Now() time.Time
	// Sessions lists the Town's tmux sessions.
	Sessions(context.Context) ([]tmux.Session, error)
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host       Host
	used, free prometheus.Gauge
}

var (
	_ part.Checked  = (*Part)(nil)
	_ part.Measured = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{
		host: h,
		used: prometheus.NewGauge(prometheus.GaugeOpts{Name: "gt_disk_used_ratio", Help: "Share of the Town's disk that is used, from 0 to 1."}),
		free: prometheus.NewGauge(prometheus.GaugeOpts{Name: "gt_disk_free_bytes", Help: "Free space on the Town's disk."}),
	}
}

// Name implements part.Part.
func (p *Part) Name() string { return "machine" }

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector { return []prometheus.Collector{p.used, p.free} }

// Checks implements part.Checked.
func (p *Part) Checks(cfg *config.Config) []check.Check {
	return []check.Check{
		check.Disk{
			Path: p.host.Layout().Root, Warning: part.Int(cfg, "deacon.disk_warning"), Critical: part.Int(cfg, "deacon.disk_critical"),
			Seen: func(used float64, free uint64) { p.used.Set(used); p.free.Set(float64(free)) },
		}.Check(),
		check.Tmux{Sessions: p.host.Sessions, Max: part.Int(cfg, "tmux.max_sessions")}.Check(),
		check.Git{Repositories: func() ([]string, error) { return check.Repositories(p.host.Layout(), cfg) }, Now: p.host.Now}.Check(),
	}
}
