package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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

func metrics() *Metrics { return NewMetrics("1.2.3", time.Unix(1000, 0), []string{"slow"}) }

func TestHealthToTheByte(t *testing.T) {
	var h Health
	handler := Handler(Options{Health: func() Health { return h }, Metrics: metrics().Handler()})
	component := func(name, state string) Component { return Component{Name: name, State: state} }
	for _, v := range []struct {
		state string
		all   []Component
		code  int
		want  string
	}{
		{"healthy", nil, 200, `{"status":"healthy","components":{"dolt":"ok","tmux":"ok","plugins":"ok"}}`},
		{"healthy", []Component{component("disk", "healthy"), component("dolt", "healthy"), component("git", "healthy")}, 200,
			`{"status":"healthy","components":{"dolt":"ok","tmux":"ok","plugins":"ok"}}`},
		{"warning", []Component{component("tmux", "warning")}, 200,
			`{"status":"warning","components":{"dolt":"ok","tmux":"warning","plugins":"ok"}}`},
		{"critical", []Component{component("disk", "critical"), component("dolt", "warning")}, 503,
			`{"status":"critical","components":{"dolt":"warning","tmux":"ok","plugins":"ok","disk":"critical"}}`},
	} {
		h = Health{State: v.state, Components: v.all}
		if code, body := get(t, handler, "GET", "/health"); code != v.code || body != v.want {
			t.Errorf("%d %s, want %d %s", code, body, v.code, v.want)
		}
	}
	h.Version, h.Uptime = "1.2.3", 90*time.Second
	h.Components[0].Next = "make room"
	code, body := get(t, handler, "GET", "/health?verbose")
	var details struct {
		Status     string
		Version    string
		Uptime     float64 `json:"uptime_seconds"`
		Components map[string]Component
	}
	if err := json.Unmarshal([]byte(body), &details); err != nil || code != 503 {
		t.Fatalf("%d %s %v", code, body, err)
	}
	if details.Status != "critical" || details.Uptime != 90 || details.Components["disk"].Next != "make room" {
		t.Errorf("%+v", details)
	}
	if code, _ := get(t, handler, "HEAD", "/health"); code != 503 {
		t.Errorf("HEAD: %d", code)
	}
}

func TestOtherPaths(t *testing.T) {
	told := 0
	o := Options{Health: func() Health { return Health{State: "healthy"} }, Metrics: metrics().Handler()}
	for target, want := range map[string]int{"/": 404, "/healthz": 404, "/health/x": 404, "/debug/pprof/": 404, "/v1/stop": 404, "/notify": 404} {
		if code, _ := get(t, Handler(o), "GET", target); code != want {
			t.Errorf("%s: %d", target, code)
		}
	}
	if code, _ := get(t, Handler(o), "POST", "/health"); code != 405 {
		t.Errorf("POST /health: %d", code)
	}
	o.Notify = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told++ })
	if code, _ := get(t, Handler(o), "POST", "/notify"); code != 200 || told != 1 {
		t.Errorf("%d, told %d times", code, told)
	}
	if code, _ := get(t, Handler(o), "GET", "/notify"); code != 405 || told != 1 {
		t.Errorf("%d, told %d times", code, told)
	}
}

func TestMetricsFollowTheConventions(t *testing.T) {
	m := metrics()
	m.JobRan("gc", "ok", time.Second, 0)
	m.JobRan("federation-sync:origin", "failed", time.Second, 3)
	m.Checked("disk", 2, true)
	m.Refused(ListenerHTTP, "slow")
	m.Heartbeat()
	m.Flushed(time.Millisecond)
	m.Dropped(2)
	m.Agents(7)
	m.Dolt(2*time.Millisecond, 4096)
	m.Disk(.5, 1<<30)
	m.Remote("origin", time.Unix(500, 0))
	m.Remote("never", time.Time{})
	m.Reviews(1)
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
		`gt_deacon_job_consecutive_failures{job="federation-sync:origin"} 3`, `gt_deacon_check_state{check="disk"} 2`,
		`gt_deacon_check_changes_total{check="disk"} 1`, `gt_deacon_refused_requests_total{listener="http",reason="slow"} 1`,
		`gt_deacon_refused_requests_total{listener="control",reason="slow"} 0`, `gt_deacon_heartbeats_total 1`,
		`gt_deacon_dropped_records_total 2`, `gt_agents 7`, `gt_dolt_latency_seconds 0.002`, `gt_dolt_data_bytes 4096`,
		`gt_disk_used_ratio 0.5`, `gt_federation_last_verified_time_seconds{remote="origin"} 500`,
		`gt_federation_last_verified_time_seconds{remote="never"} 0`, `gt_federation_open_reviews 1`,
		`gt_deacon_leases_total 1`, `gt_deacon_reloads_total{outcome="failed"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	m.Forget("federation-sync:origin", "origin")
	if _, body := get(t, m.Handler(), "GET", "/metrics"); strings.Contains(body, "origin") {
		t.Error("a remote that is no more is still counted")
	}
}
