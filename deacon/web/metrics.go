package web

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the metrics for Prometheus. They have their own registry, because the
// database engine uses the default one.
type Metrics struct {
	registry *prometheus.Registry

	jobs    *prometheus.HistogramVec
	runs    *prometheus.CounterVec
	failing *prometheus.GaugeVec
	refused *prometheus.CounterVec
	delayed *prometheus.CounterVec
	lent    prometheus.Counter
	reloads *prometheus.CounterVec
}

// NewMetrics returns the metrics of a Deacon with that version. reasons are the
// reasons for refusing requests, so that each has a count from the start. seconds
// are the buckets of durations.
func NewMetrics(version string, started time.Time, reasons []string, seconds []float64) *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		jobs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gt_deacon_job_duration_seconds", Help: "Time that runs of a job took.", Buckets: seconds}, []string{"job"}),
		runs:    counters("gt_deacon_job_runs_total", "Runs of a job by how they ended.", "job", "outcome"),
		failing: gauges("gt_deacon_job_consecutive_failures", "Runs of a job that failed since its last success.", "job"),
		refused: counters("gt_deacon_refused_requests_total", "Requests that were refused, by listener and reason.", "listener", "reason"),
		delayed: counters("gt_deacon_delayed_requests_total", "Requests that had to wait for their turn, by listener.", "listener"),
		lent:    prometheus.NewCounter(prometheus.CounterOpts{Name: "gt_deacon_leases_total", Help: "Times that the planes were lent to a command."}),
		reloads: counters("gt_deacon_reloads_total", "Reloads of the configuration by how they ended.", "outcome"),
	}
	info := gauges("gt_deacon_info", "Always 1; the label is the version of gt that runs.", "version")
	info.WithLabelValues(version).Set(1)
	start := prometheus.NewGauge(prometheus.GaugeOpts{Name: "gt_deacon_start_time_seconds", Help: "When the Deacon started, in Unix time."})
	start.Set(float64(started.UnixNano()) / 1e9)
	m.Add(m.jobs, m.runs, m.failing, m.refused, m.delayed, m.lent, m.reloads, info, start,
		newProcess(started), collectors.NewGoCollector())
	m.delayed.WithLabelValues(ListenerControl)
	for _, listener := range []string{ListenerHTTP, ListenerControl, ListenerCommands, ListenerSQL} {
		for _, reason := range reasons {
			m.refused.WithLabelValues(listener, reason)
		}
	}
	for _, outcome := range []string{"ok", "failed"} {
		m.reloads.WithLabelValues(outcome)
	}
	return m
}

// Add adds metrics. It panics if one has a name that is taken, which is a mistake
// in the program.
func (m *Metrics) Add(more ...prometheus.Collector) { m.registry.MustRegister(more...) }

// Handler answers /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Gatherer gives access to the metrics without HTTP.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// JobRan counts a run; failures is how many there were since the last success.
func (m *Metrics) JobRan(job, outcome string, took time.Duration, failures int) {
	m.jobs.WithLabelValues(job).Observe(took.Seconds())
	m.runs.WithLabelValues(job, outcome).Inc()
	m.failing.WithLabelValues(job).Set(float64(failures))
}

// ForgetJob drops the metrics of a job that no longer exists.
func (m *Metrics) ForgetJob(job string) {
	m.jobs.DeleteLabelValues(job)
	m.failing.DeleteLabelValues(job)
	m.runs.DeletePartialMatch(prometheus.Labels{"job": job})
}

// Refused counts a request that was refused.
func (m *Metrics) Refused(listener, reason string) { m.refused.WithLabelValues(listener, reason).Inc() }

// Delayed counts a request that had to wait for its turn.
func (m *Metrics) Delayed(listener string) { m.delayed.WithLabelValues(listener).Inc() }

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
