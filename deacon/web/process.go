package web

import (
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// process collects what the Deacon's process uses, under the usual names. The collector of
// Prometheus' library reads several times as much of /proc for it, all connections of the
// machine among it, and that every few seconds.
type process struct {
	started                             time.Time
	cpu, virtual, resident, open, limit *prometheus.Desc
	start                               *prometheus.Desc
}

var _ prometheus.Collector = process{}

func newProcess(started time.Time) process {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return process{
		started:  started,
		cpu:      desc("process_cpu_seconds_total", "Total user and system CPU time spent in seconds."),
		virtual:  desc("process_virtual_memory_bytes", "Virtual memory size in bytes."),
		resident: desc("process_resident_memory_bytes", "Resident memory size in bytes."),
		open:     desc("process_open_fds", "Number of open file descriptors."),
		limit:    desc("process_max_fds", "Maximum number of open file descriptors."),
		start:    desc("process_start_time_seconds", "Start time of the process since unix epoch in seconds."),
	}
}

// Describe implements prometheus.Collector.
func (p process) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.cpu, p.virtual, p.resident, p.open, p.limit, p.start} {
		to <- d
	}
}

// Collect implements prometheus.Collector. It leaves out what the kernel does not say.
func (p process) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) { to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	gauge(p.start, float64(p.started.UnixNano())/1e9)
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) == nil {
		seconds := time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
		to <- prometheus.MustNewConstMetric(p.cpu, prometheus.CounterValue, seconds)
	}
	var pages [2]float64
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if _, err := fmt.Sscan(string(text), &pages[0], &pages[1]); err == nil {
			gauge(p.virtual, pages[0]*float64(os.Getpagesize()))
			gauge(p.resident, pages[1]*float64(os.Getpagesize()))
		}
	}
	if dir, err := os.Open("/proc/self/fd"); err == nil {
		names, err := dir.Readdirnames(-1)
		if dir.Close(); err == nil {
			gauge(p.open, float64(len(names)-1)) // without the one that is open for the count
		}
	}
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil {
		gauge(p.limit, float64(files.Cur))
	}
}
