package deacon

import (
	"github.com/prometheus/client_golang/prometheus"

	"gastown/deacon/part"
	"gastown/deacon/stores"
)

// stored is the part for what the stores offer: the ledger's caches, and figures.
type stored struct{ *stores.Stores }

var (
	_ part.Caching  = stored{}
	_ part.Measured = stored{}
)

func (stored) Name() string { return "stores" }

// Metrics implements part.Measured.
func (s stored) Metrics() []prometheus.Collector {
	return []prometheus.Collector{prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "gt_sql_statements_total", Help: "SQL statements that the Deacon's server of the planes was sent.",
	}, func() float64 { return float64(s.Statements()) }), waits(s)}
}

// waits is the collector of what SQL statements and callers of the stores waited for.
type waits struct{ *stores.Stores }

var (
	sqlSeconds  = described("gt_sql_seconds_total", "Time that SQL statements of a shape took, with the wait for a lock.", "shape")
	sqlRuns     = described("gt_sql_runs_total", "SQL statements of a shape that ran.", "shape")
	poolMost    = described("gt_dolt_pool_max_connections", "Connections of the Deacon to a plane that may be open.", "plane")
	poolOpen    = described("gt_dolt_pool_connections", "Connections of the Deacon to a plane.", "plane")
	poolBusy    = described("gt_dolt_pool_busy_connections", "Connections of the Deacon to a plane that are in use.", "plane")
	poolClosed  = described("gt_dolt_pool_closed_total", "Connections that were closed because more were idle than may be.", "plane")
	poolWaits   = described("gt_dolt_pool_waits_total", "Times that a command or job had to wait for a connection.", "plane")
	poolWaited  = described("gt_dolt_pool_wait_seconds_total", "Time that commands and jobs waited for a connection.", "plane")
	writeWaits  = described("gt_dolt_write_waits_total", "Times that a write had to wait for another one in the Deacon.", "plane")
	writeWaited = described("gt_dolt_write_wait_seconds_total", "Time that writes waited for another one in the Deacon.", "plane")
)

func described(name, help, label string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{label}, nil)
}

// Describe implements prometheus.Collector.
func (w waits) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{sqlSeconds, sqlRuns, poolMost, poolOpen, poolBusy, poolClosed, poolWaits, poolWaited, writeWaits, writeWaited} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (w waits) Collect(to chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, v float64, label string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, label)
	}
	gauge := func(d *prometheus.Desc, v int, label string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), label)
	}
	for _, s := range w.Shapes() {
		count(sqlSeconds, s.Took.Seconds(), s.Text)
		count(sqlRuns, float64(s.Runs), s.Text)
	}
	for _, plane := range stores.Pooled {
		use := w.Use(plane)
		gauge(poolMost, use.Most, plane)
		gauge(poolOpen, use.Open, plane)
		gauge(poolBusy, use.Busy, plane)
		count(poolClosed, float64(use.Closed), plane)
		count(poolWaits, float64(use.ForConnection.Count), plane)
		count(poolWaited, use.ForConnection.Took.Seconds(), plane)
		count(writeWaits, float64(use.ForTurn.Count), plane)
		count(writeWaited, use.ForTurn.Took.Seconds(), plane)
	}
}
