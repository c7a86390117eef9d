package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func get(t *testing.T, h http.Handler, method, target string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func metrics() *Metrics {
	return NewMetrics("1.2.3", time.Unix(1000, 0), []string{"slow"}, []float64{.1, 1})
}

func TestMetricsFollowTheConventions(t *testing.T) {
	m := metrics()
	m.JobRan("gc", "ok", time.Second, 0)
	m.JobRan("federation-sync:origin", "failed", time.Second, 3)
	m.Refused(ListenerHTTP, "slow")
	m.Lent()
	m.Reloaded(nil)
	m.Reloaded(io.EOF)
	problems, err := testutil.GatherAndLint(m.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	_, body := get(t, m.Handler(), "GET", "/metrics")
	for _, want := range []string{
		`gt_deacon_info{version="1.2.3"} 1`, `gt_deacon_start_time_seconds 1000`, `gt_deacon_job_runs_total{job="gc",outcome="ok"} 1`,
		`gt_deacon_job_consecutive_failures{job="federation-sync:origin"} 3`, `gt_deacon_refused_requests_total{listener="http",reason="slow"} 1`,
		`gt_deacon_refused_requests_total{listener="control",reason="slow"} 0`,
		`gt_deacon_leases_total 1`, `gt_deacon_reloads_total{outcome="failed"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	m.ForgetJob("federation-sync:origin")
	if _, body := get(t, m.Handler(), "GET", "/metrics"); strings.Contains(body, "origin") {
		t.Error("a job that was removed is still counted")
	}
}

// What the process uses is what the kernel says of it.
func TestProcess(t *testing.T) {
	all, err := metrics().Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range all {
		if m := f.GetMetric()[0]; strings.HasPrefix(f.GetName(), "process_") {
			got[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	library := prometheus.NewRegistry()
	library.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if all, err = library.Gather(); err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		m := f.GetMetric()[0]
		want, is := m.GetGauge().GetValue()+m.GetCounter().GetValue(), got[f.GetName()]
		switch name := f.GetName(); {
		case strings.HasPrefix(name, "process_network_") || name == "process_virtual_memory_max_bytes":
			if _, there := got[name]; there {
				t.Errorf("%s is collected", name)
			}
		case name == "process_start_time_seconds":
			if is != 1000 {
				t.Errorf("%s is %v", name, is)
			}
		case name == "process_cpu_seconds_total":
			if is <= 0 || is > want+.05 { // the library reads later, in steps of 10 ms
				t.Errorf("%s is %v, %v a moment later", name, is, want)
			}
		default:
			if is < want*.9-2 || is > want*1.1+2 {
				t.Errorf("%s is %v, not %v", name, is, want)
			}
		}
	}
}
