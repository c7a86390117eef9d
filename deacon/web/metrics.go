package web

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are what Prometheus may collect. They have a registry of their own:
// the database engine puts its own into the default one.
type Metrics struct {
	registry *prometheus.Registry

	jobs       *prometheus.HistogramVec
	runs       *prometheus.CounterVec
	failing    *prometheus.GaugeVec
	checks     *prometheus.GaugeVec
	refused    *prometheus.CounterVec
	delayed    *prometheus.CounterVec
	beats      prometheus.Counter
	agents     prometheus.Gauge
	flush      prometheus.Histogram
	dropped    prometheus.Counter
	latency    prometheus.Gauge
	data       prometheus.Gauge
	free       prometheus.Gauge
	used       prometheus.Gauge
	verified   *prometheus.GaugeVec
	reviews    prometheus.Gauge
	lent       prometheus.Counter
	reloads    *prometheus.CounterVec
	transition *prometheus.CounterVec
}

// NewMetrics returns metrics of a Deacon of that version. reasons are those
// for which requests are refused, so that each is there from the start.
func NewMetrics(version string, started time.Time, reasons []string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		m.registry.MustRegister(g)
		return g
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(g)
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	seconds := []float64{.001, .005, .02, .1, .5, 2, 10, 60}
	m.jobs = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gt_deacon_job_duration_seconds", Help: "Time that runs of a job took.", Buckets: seconds}, []string{"job"})
	m.flush = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gt_deacon_flush_duration_seconds", Help: "Time that writing a batch of records took.", Buckets: seconds})
	m.registry.MustRegister(m.jobs, m.flush, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())

	gauges("gt_deacon_info", "Always 1; the label says which gt runs.", "version").WithLabelValues(version).Set(1)
	gauge("gt_deacon_start_time_seconds", "When the Deacon started, in Unix time.").Set(float64(started.UnixNano()) / 1e9)
	m.runs = counters("gt_deacon_job_runs_total", "Runs of a job by how they ended.", "job", "outcome")
	m.failing = gauges("gt_deacon_job_consecutive_failures", "Runs of a job that failed since its last success.", "job")
	m.checks = gauges("gt_deacon_check_state", "What a check found: 0 healthy, 1 warning, 2 critical.", "check")
	m.transition = counters("gt_deacon_check_changes_total", "Changes of a check's state.", "check")
	m.refused = counters("gt_deacon_refused_requests_total", "Requests that were refused, by listener and reason.", "listener", "reason")
	m.delayed = counters("gt_deacon_delayed_requests_total", "Requests that had to wait for their turn, by listener.", "listener")
	m.delayed.WithLabelValues(ListenerControl)
	m.beats = counter("gt_deacon_heartbeats_total", "Heartbeats that were taken.")
	m.dropped = counter("gt_deacon_dropped_records_total", "Records that were dropped because they could not be written in time.")
	m.agents = gauge("gt_agents", "Agents whose heartbeat was seen lately.")
	m.latency = gauge("gt_dolt_latency_seconds", "Time of the last point read of the database.")
	m.data = gauge("gt_dolt_data_bytes", "Size of all planes on disk.")
	m.free = gauge("gt_disk_free_bytes", "Free space on the Town's disk.")
	m.used = gauge("gt_disk_used_ratio", "Share of the Town's disk that is used, from 0 to 1.")
	m.verified = gauges("gt_federation_last_verified_time_seconds", "When a remote last confirmed an exchange, in Unix time; 0 for never.", "remote")
	m.reviews = gauge("gt_federation_open_reviews", "Conflicts that wait for a person.")
	m.lent = counter("gt_deacon_leases_total", "Times that the planes were lent to a command.")
	m.reloads = counters("gt_deacon_reloads_total", "Reloads of the configuration by how they ended.", "outcome")
	for _, listener := range []string{ListenerHTTP, ListenerControl, ListenerSQL} {
		for _, reason := range reasons {
			m.refused.WithLabelValues(listener, reason)
		}
	}
	for _, outcome := range []string{"ok", "failed"} {
		m.reloads.WithLabelValues(outcome)
	}
	return m
}

// The listeners whose refusals are counted.
const (
	ListenerHTTP    = "http"
	ListenerControl = "control"
	ListenerSQL     = "sql"
)

// Handler answers /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Gatherer gives the metrics to those who test or keep them.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// JobRan notes a run; failures is how many there were since the last success.
func (m *Metrics) JobRan(job, outcome string, took time.Duration, failures int) {
	m.jobs.WithLabelValues(job).Observe(took.Seconds())
	m.runs.WithLabelValues(job, outcome).Inc()
	m.failing.WithLabelValues(job).Set(float64(failures))
}

// Checked notes what a check found; level is 0, 1 or 2.
func (m *Metrics) Checked(name string, level int, changed bool) {
	m.checks.WithLabelValues(name).Set(float64(level))
	if changed {
		m.transition.WithLabelValues(name).Inc()
	}
}

// Refused counts a request that was refused.
func (m *Metrics) Refused(listener, reason string) { m.refused.WithLabelValues(listener, reason).Inc() }

// Delayed counts a request that had to wait for its turn.
func (m *Metrics) Delayed(listener string) { m.delayed.WithLabelValues(listener).Inc() }

// Heartbeat counts one that was taken.
func (m *Metrics) Heartbeat() { m.beats.Inc() }

// Flushed notes how long a batch took to write.
func (m *Metrics) Flushed(took time.Duration) { m.flush.Observe(took.Seconds()) }

// Dropped counts records that could not be kept.
func (m *Metrics) Dropped(n int) { m.dropped.Add(float64(n)) }

// Agents is how many there are.
func (m *Metrics) Agents(n int) { m.agents.Set(float64(n)) }

// Dolt notes how fast the database answers and how large it is.
func (m *Metrics) Dolt(latency time.Duration, bytes int64) {
	m.latency.Set(latency.Seconds())
	m.data.Set(float64(bytes))
}

// Disk notes how full the Town's disk is; used is from 0 to 1.
func (m *Metrics) Disk(used float64, free uint64) {
	m.used.Set(used)
	m.free.Set(float64(free))
}

// Remote notes when a remote was last in step.
func (m *Metrics) Remote(name string, verified time.Time) {
	at := 0.0
	if !verified.IsZero() {
		at = float64(verified.UnixNano()) / 1e9
	}
	m.verified.WithLabelValues(name).Set(at)
}

// Reviews is how many wait.
func (m *Metrics) Reviews(n int) { m.reviews.Set(float64(n)) }

// Lent counts a lease.
func (m *Metrics) Lent() { m.lent.Inc() }

// Reloaded counts a reload.
func (m *Metrics) Reloaded(err error) {
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.reloads.WithLabelValues(outcome).Inc()
}

// Forget drops what is labelled with a job or a remote that is no more.
func (m *Metrics) Forget(job, remote string) {
	m.jobs.DeleteLabelValues(job)
	m.failing.DeleteLabelValues(job)
	m.runs.DeletePartialMatch(prometheus.Labels{"job": job})
	if remote != "" {
		m.verified.DeleteLabelValues(remote)
	}
}
