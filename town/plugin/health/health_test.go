package health

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gastown/town/plugin"
)

type config = map[string]interface{}

func made(s Services, c config) (plugin.Plugin, error) {
	if s.Now == nil {
		s.Now = time.Now
	}
	p := Type(s).New("x")
	return p, p.Init(c)
}

func look(t *testing.T, s Services, c config) (plugin.Finding, error) {
	t.Helper()
	p, err := made(s, c)
	if err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	out, err := p.Execute(t.Context(), plugin.Tick{})
	f, _ := out.(plugin.Finding)
	return f, err
}

func TestInit(t *testing.T) {
	list := func(w ...interface{}) []interface{} { return w }
	for _, v := range []struct {
		c    config
		want string
	}{
		{config{"check": "dsik"}, `check: "dsik" is none of disk`},
		{config{"threshold": 80}, `there is no field "threshold"`},
		{config{"threshold_percent": "much"}, "threshold_percent: a value of the wrong kind"},
		{config{"threshold_percent": 0}, "threshold_percent: "},
		{config{"threshold_percent": 101}, "threshold_percent: "},
		{config{"threshold_percent": 80.5}, "threshold_percent: "},
		{config{"threshold_percent": 90, "critical_percent": 80}, "critical_percent: 80 is less"},
		{config{"check_interval": 5}, "check_interval: "},
		{config{"check_interval": "1s"}, "check_interval: "},
		{config{"check": "dolt", "threshold_percent": 80}, "threshold_percent: a check of dolt does not take it"},
		{config{"check": "dolt", "warning": "fast"}, "warning: "},
		{config{"check": "tmux", "max_sessions": 0}, "max_sessions: "},
		{config{"check": "command"}, "command: it is missing"},
		{config{"check": "command", "command": "df"}, "command: a value of the wrong kind"},
		{config{"check": "command", "command": list("df"), "warning": "many"}, "warning: "},
		{config{"check": "http"}, "url: "},
		{config{"check": "http", "url": "file:///etc/passwd"}, "url: "},
		{config{"check": "http", "url": "http://x", "status": 7}, "status: "},
		{config{"check": "http", "url": "http://x", "critical": "-3s"}, "critical: "},
		{config{"check": "tcp"}, "address: "},
		{config{"check": "tcp", "address": "host"}, "address: "},
		{config{"check": "promql", "warning": 3}, "query: it is missing"},
		{config{"check": "promql", "query": "up"}, "query: it has no threshold"},
		{config{"check": "promql", "query": "rate(", "warning": 3}, "query: \"rate(\" is not PromQL: 1:6: parse error"},
	} {
		if _, err := made(Services{}, v.c); err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%v: %v, want %s", v.c, err, v.want)
		}
	}
	p, err := made(Services{}, config{"threshold_percent": 80, "check_interval": "5m"})
	if err != nil || p.(plugin.Timed).Schedule() != "@every 5m0s" {
		t.Errorf("the document's example: %v", err)
	}
}

func TestTown(t *testing.T) {
	var what string
	var args Args
	s := Services{Town: func(_ context.Context, w string, a Args) (plugin.Finding, error) {
		what, args = w, a
		return plugin.Finding{State: plugin.Healthy}, nil
	}}
	if f, err := look(t, s, config{"threshold_percent": 80}); err != nil || f.State != plugin.Healthy || what != Disk || args != (Args{Warning: 80}) {
		t.Errorf("%+v, %v, %s %+v", f, err, what, args)
	}
	if _, err := look(t, s, config{"check": "dolt", "warning": "20ms"}); err != nil || what != Dolt || args.WarningTime != 20*time.Millisecond {
		t.Errorf("%v, %s %+v", err, what, args)
	}
	if _, err := look(t, Services{}, config{}); err == nil {
		t.Error("without a Town")
	}
}

func TestCommand(t *testing.T) {
	text, code := "", 0
	var failed error
	s := Services{Run: func(context.Context, string, []string) (string, int, error) { return text, code, failed }}
	c := config{"check": "command", "command": []interface{}{"x"}}
	bounds := config{"check": "command", "command": []interface{}{"x"}, "warning": 10, "critical": "> 20"}
	for _, v := range []struct {
		c     config
		text  string
		code  int
		state string
	}{
		{c, "OK all\nmore", 0, plugin.Healthy}, {c, "", 1, plugin.Warning}, {c, "", 2, plugin.Critical}, {c, "", 3, ""},
		{bounds, "queue: 9 of 99", 0, plugin.Healthy}, {bounds, "10", 0, plugin.Warning}, {bounds, "20", 0, plugin.Warning},
		{bounds, "20.5", 0, plugin.Critical}, {bounds, "1", 2, plugin.Critical}, {bounds, "none", 0, ""},
	} {
		text, code = v.text, v.code
		f, err := look(t, s, v.c)
		if (v.state == "") != (err != nil) || err == nil && f.State != v.state {
			t.Errorf("%q, exit %d: %+v, %v, want %s", v.text, v.code, f, err, v.state)
		}
	}
	failed = errors.New("no such program")
	if _, err := look(t, s, c); !errors.Is(err, failed) {
		t.Error(err)
	}
}

func TestHTTPAndTCP(t *testing.T) {
	status := 200
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/loop" {
			http.Redirect(w, r, "/loop", http.StatusFound)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte("all is well"))
	}))
	defer server.Close()
	address := server.Listener.Addr().String()
	clock := time.Unix(0, 0)
	s := Services{Now: func() time.Time { clock = clock.Add(100 * time.Millisecond); return clock }}
	for _, v := range []struct {
		c      config
		status int
		state  string
	}{
		{config{"check": "http", "url": server.URL}, 200, plugin.Healthy},
		{config{"check": "http", "url": server.URL}, 500, plugin.Critical},
		{config{"check": "http", "url": server.URL, "status": 503}, 503, plugin.Healthy},
		{config{"check": "http", "url": server.URL, "contains": "is well"}, 200, plugin.Healthy},
		{config{"check": "http", "url": server.URL, "contains": "is ill"}, 200, plugin.Critical},
		{config{"check": "http", "url": server.URL, "warning": "50ms"}, 200, plugin.Warning},
		{config{"check": "http", "url": server.URL, "warning": "50ms", "critical": "90ms"}, 200, plugin.Critical},
		{config{"check": "http", "url": server.URL + "/loop"}, 200, plugin.Critical},
		{config{"check": "tcp", "address": address}, 200, plugin.Healthy},
		{config{"check": "tcp", "address": address, "warning": "100ms"}, 200, plugin.Warning},
	} {
		status = v.status
		if f, err := look(t, s, v.c); err != nil || f.State != v.state || f.Figure == "" || f.Threshold == "" || (f.Next == "") != (v.state == plugin.Healthy) {
			t.Errorf("%v: %+v, %v, want %s", v.c, f, err, v.state)
		}
	}
	server.Close()
	for _, c := range []config{{"check": "http", "url": server.URL}, {"check": "tcp", "address": address}} {
		if f, err := look(t, s, c); err != nil || f.State != plugin.Critical || len(f.Details) != 1 {
			t.Errorf("%v: %+v, %v", c, f, err)
		}
	}
}

func TestPromQL(t *testing.T) {
	var values []float64
	s := Services{Query: func(context.Context, string) ([]float64, error) { return values, nil }}
	for _, v := range []struct {
		values []float64
		c      config
		state  string
		figure string
	}{
		{nil, config{"warning": 1}, plugin.Healthy, "no value"},
		{[]float64{3}, config{"warning": 3}, plugin.Warning, "3"},
		{[]float64{3}, config{"warning": "> 3"}, plugin.Healthy, "3"},
		{[]float64{1, 9, 5}, config{"warning": 2, "critical": 8}, plugin.Critical, "9, the worst of 3 values"},
		{[]float64{0.2}, config{"critical": "< 0.5"}, plugin.Critical, "0.2"},
		{[]float64{0}, config{"warning": "==0"}, plugin.Warning, "0"},
		{[]float64{1}, config{"warning": "!= 0"}, plugin.Warning, "1"},
		{[]float64{math.NaN()}, config{"warning": "!= 0", "critical": "< 5"}, plugin.Healthy, "NaN"},
	} {
		values = v.values
		v.c["check"], v.c["query"] = "promql", "polecat_stuck"
		if f, err := look(t, s, v.c); err != nil || f.State != v.state || f.Figure != v.figure {
			t.Errorf("%v %v: %+v, %v", v.values, v.c, f, err)
		}
	}
	if _, err := look(t, Services{}, config{"check": "promql", "query": "up", "warning": 1}); err == nil {
		t.Error("without metrics")
	}
}

// Whoever is redirected to learns nothing of the address that redirects, which may hold a
// secret.
func TestRedirectsTellNothing(t *testing.T) {
	var referer string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/there", http.StatusFound)
			return
		}
		referer = r.Header.Get("Referer")
	}))
	defer server.Close()
	f, err := look(t, Services{}, config{"check": "http", "url": server.URL + "/?token=s3cret"})
	if err != nil || f.State != plugin.Healthy || referer != "" {
		t.Errorf("%+v, %v, %q", f, err, referer)
	}
}
