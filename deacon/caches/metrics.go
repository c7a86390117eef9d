package caches

import (
	"github.com/prometheus/client_golang/prometheus"

	"gastown/cache"
)

// figure is a metric of each level of the caches.
type figure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(cache.Stats) float64
}

// collector asks the caches when the metrics are collected.
type collector struct {
	levels  func() []cache.Stats
	figures []figure
}

func newCollector(levels func() []cache.Stats) *collector {
	c := &collector{levels: levels}
	add := func(kind prometheus.ValueType, name, help string, value func(cache.Stats) float64) {
		c.figures = append(c.figures, figure{prometheus.NewDesc(name, help, []string{"level"}, nil), kind, value})
	}
	count := func(name, help string, value func(cache.Stats) int64) {
		add(prometheus.CounterValue, name, help, func(s cache.Stats) float64 { return float64(value(s)) })
	}
	count("gt_cache_hits_total", "Answers from memory.", func(s cache.Stats) int64 { return s.Hits })
	count("gt_cache_misses_total", "Answers that had to be read.", func(s cache.Stats) int64 { return s.Misses })
	count("gt_cache_stale_total", "Answers dropped because the database had changed.", func(s cache.Stats) int64 { return s.Stale })
	count("gt_cache_expired_total", "Answers dropped because they were too old.", func(s cache.Stats) int64 { return s.Expired })
	count("gt_cache_evictions_total", "Answers dropped for room.", func(s cache.Stats) int64 { return s.Evicted })
	add(prometheus.GaugeValue, "gt_cache_entries", "Answers in the cache.", func(s cache.Stats) float64 { return float64(s.Entries) })
	add(prometheus.GaugeValue, "gt_cache_bytes", "About how many bytes the answers in the cache take.", func(s cache.Stats) float64 { return float64(s.Bytes) })
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range c.figures {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.levels() {
		for _, f := range c.figures {
			out <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(s), s.Name)
		}
	}
}
