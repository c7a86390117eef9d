package deacon

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"gastown/deacon/control"
	"gastown/deacon/recorder"
)

// The metrics of the Deacon and of all parts have the documented names and follow
// Prometheus's conventions.
func TestMetrics(t *testing.T) {
	p := found(t)
	p.schedule(`jobs: {heartbeat-flush: {schedule: "@yearly"}}`) // it runs once, below
	r := p.mustStart()
	defer r.end()
	if err := r.client.Heartbeat(t.Context(), control.Heartbeat{Agent: "rig/crew/a", State: "working"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.client.Run(t.Context(), recorder.Job); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(r.metrics.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	_, text := body(t, "http://"+r.Address()+"/metrics")
	for _, want := range []string{
		"gt_deacon_job_duration_seconds_count{job=\"heartbeat-flush\"} 1\n", "gt_deacon_check_state{check=\"disk\"} 0\n",
		"gt_deacon_heartbeats_total 1\n", "gt_agents 1\n", "gt_deacon_flush_duration_seconds_count 1\n", "gt_deacon_dropped_records_total 0\n",
		"gt_federation_open_reviews 0\n", "gt_deacon_leases_total 0\n", "gt_cache_hits_total{level=\"agent\"} 0\n",
		"gt_dolt_latency_seconds ", "gt_dolt_data_bytes ", "gt_disk_used_ratio ", "gt_disk_free_bytes ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing: %s", want)
		}
	}
}

// Only the documented paths are answered over HTTP.
func TestOtherPaths(t *testing.T) {
	p := found(t)
	r := p.mustStart()
	defer r.end()
	for path, want := range map[string]int{
		"/": 200, "/index.html": 404, "/healthz": 404, "/health/x": 404, "/debug/pprof/": 404, "/v1/stop": 404, "/v1/status": 404, "/notify": 405,
	} {
		if code, _ := body(t, "http://"+r.Address()+path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	res, err := http.Post("http://"+r.Address()+"/health", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /health: %d", res.StatusCode)
	}
}
