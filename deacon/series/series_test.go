package series

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/series"
)

type host struct {
	*testing.T
	t        layout.Town
	l        *ledger.Store
	o        *operational.Store
	log      *bytes.Buffer
	registry *prometheus.Registry
	figures  *series.Store

	mu     sync.Mutex
	cfg    *config.Config
	now    time.Time
	inputs string
	reads  int   // of the operational plane
	err    error // of the planes
}

func newHost(t *testing.T) *host {
	dir := t.TempDir()
	options := func(plane string) doltdb.Options {
		return doltdb.Options{Dir: filepath.Join(dir, plane), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
			Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}
	}
	const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"
	l, err := ledger.Create(t.Context(), options("ledger"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	o, err := operational.Create(t.Context(), options("operational"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), o.Close()); err != nil {
			t.Error(err)
		}
	})
	h := &host{T: t, t: layout.Town{Root: dir}, l: l, o: o, log: &bytes.Buffer{}, registry: prometheus.NewRegistry(),
		cfg: config.New("alpha"), now: time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)}
	for _, place := range []string{h.t.Deacon(), filepath.Dir(h.t.Rules())} {
		if err := os.MkdirAll(place, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.figures = series.New(series.Options{Dir: h.t.Series(), Log: h.Log(), Now: h.Now})
	return h
}

func (h *host) Layout() layout.Town           { return h.t }
func (h *host) Gatherer() prometheus.Gatherer { return h.registry }
func (h *host) Series() *series.Store         { return h.figures }
func (h *host) Inputs() string                { return h.inputs }
func (h *host) Config() *config.Config        { return h.cfg }
func (h *host) Now() time.Time                { h.mu.Lock(); defer h.mu.Unlock(); return h.now }
func (h *host) Log() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}
func (h *host) Operational(_ context.Context, fn func(*operational.Store) error) error {
	h.reads++
	if h.err != nil {
		return h.err
	}
	return fn(h.o)
}
func (h *host) Ledger(_ context.Context, fn func(*ledger.Store) error) error {
	if h.err != nil {
		return h.err
	}
	return fn(h.l)
}

func (h *host) add(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *host) alerts() string {
	h.Helper()
	list, err := h.o.Alerts(h.Context(), time.Time{})
	if err != nil {
		h.Fatal(err)
	}
	var all []string
	for _, a := range list {
		all = append(all, a.Name+" "+string(a.Severity)+" "+a.Summary)
	}
	return strings.Join(all, ", ")
}

// bench is a part whose rounds a test makes.
func (h *host) bench() (*Part, *rounds) {
	h.Helper()
	p := New(h)
	h.registry.MustRegister(p.Metrics()...)
	p.life = h.Context()
	p.readRules(true)
	h.figures.Start()
	h.Cleanup(func() { _ = h.figures.Stop() })
	return p, newRounds(p, 15*time.Second)
}

func (h *host) rounds(r *rounds, n int) (err error) {
	for range n {
		h.add(15 * time.Second)
		err = r.round(h.Context())
	}
	return err
}

func (h *host) rules(text string) {
	h.Helper()
	if err := os.WriteFile(h.t.Rules(), []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
}

const stuckRule = "groups:\n  - name: a\n    rules: [{alert: Stuck, expr: polecat_stuck > 0, labels: {severity: error}, annotations: {summary: '{{ $value }} stuck'}}]\n"

// Polecats that are stuck become one alert, which a restart neither ends nor repeats, and
// which ends with them.
func TestAlert(t *testing.T) {
	h := newHost(t)
	h.rules(stuckRule)
	p, r := h.bench()
	if err := h.rounds(r, 4); err != nil || h.alerts() != "" {
		t.Fatal(err, h.alerts())
	}
	for _, name := range []string{"nux", "ace"} {
		a, err := h.o.Assign(t.Context(), operational.Order{Bead: "web-" + name, Agent: town.PolecatAddress("web", name)}, h.now)
		if err == nil {
			_, err = h.o.Observe(t.Context(), []operational.Observation{{Agent: a.Agent, Run: a.Run, From: town.AgentWorking, To: town.AgentStalled, Evidence: "a test"}}, h.now)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := h.rounds(r, 1); err != nil || h.alerts() != "Stuck error 2 stuck" {
		t.Fatal(err, h.alerts())
	}
	if got := testutil.ToFloat64(p.polecats.WithLabelValues("web", "stalled")); got != 2 {
		t.Errorf("%v are stalled", got)
	}
	before, err := h.o.FeedState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.figures.Stop(); err != nil { // another Deacon
		t.Fatal(err)
	}
	h.add(time.Minute)
	h.registry, h.figures = prometheus.NewRegistry(), series.New(series.Options{Dir: h.t.Series(), Log: h.Log(), Now: h.Now})
	_, r = h.bench()
	for i := range 5 {
		if err := h.rounds(r, 1); err != nil || h.alerts() != "Stuck error 2 stuck" {
			t.Fatalf("round %d after a restart: %v, %q", i, err, h.alerts())
		}
	}
	if after, err := h.o.FeedState(t.Context()); err != nil || after.Last != before.Last {
		t.Errorf("a restart tells of %d events, %v", after.Last-before.Last, err)
	}
	for _, name := range []string{"nux", "ace"} {
		if _, err := h.o.Observe(t.Context(), []operational.Observation{{Agent: town.PolecatAddress("web", name), Run: 1, From: town.AgentStalled, To: town.AgentWorking, Evidence: "a test"}}, h.now); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.rounds(r, 1); err != nil || h.alerts() != "" {
		t.Error(err, h.alerts())
	}
}

// While nothing changes the planes are not read; while they are lent or fail, figures are
// kept all the same, and alerts follow later.
func TestPlanes(t *testing.T) {
	h := newHost(t)
	h.rules("groups:\n  - name: a\n    rules: [{alert: Always, expr: vector(1) > 0}]\n")
	p, r := h.bench()
	h.inputs = "a"
	if err := h.rounds(r, 4); err != nil || h.alerts() != "Always warning vector(1) > 0" {
		t.Fatal(err, h.alerts())
	}
	before := h.reads
	if err := h.rounds(r, 4); err != nil || h.reads != before {
		t.Errorf("%d reads, %v", h.reads-before, err)
	}
	h.inputs = "b"
	if err := h.rounds(r, 2); err != nil || h.reads != before+1 {
		t.Errorf("%d reads after a change, %v", h.reads-before, err)
	}
	h.inputs, h.err = "c", errors.New("the plane is closed")
	if err := h.rounds(r, 2); err == nil || h.figures.Problem() != nil {
		t.Error(err, h.figures.Problem())
	}
	h.err = nil
	if err := p.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	before = h.reads
	h.rules("groups: []\n")
	p.readRules(false)
	if err := h.rounds(r, 1); err == nil || h.reads != before || h.alerts() == "" {
		t.Errorf("while the planes are lent: %v, %d reads", err, h.reads-before)
	}
	p.Resume()
	if err := h.rounds(r, 1); err != nil || h.alerts() != "" {
		t.Error(err, h.alerts())
	}
	if lines, err := h.figures.At(t.Context(), "count_over_time(polecat_count[1h])", h.now); err != nil || len(lines) != 1 || lines[0].Last() != 14 {
		t.Errorf("%+v, %v", lines, err)
	}
}

// A rule that fires with labels that no alert may have is told without them, once, and the
// check says so.
func TestRefusedLabels(t *testing.T) {
	h := newHost(t)
	long := strings.Repeat("l", 65)
	h.rules("groups:\n  - name: a\n    rules:\n      - {alert: Long, expr: vector(1) > 0, labels: {" + long + ": x, severity: warning}}\n" +
		"      - {alert: Long, expr: vector(2) > 0, labels: {" + long + ": y, severity: error}}\n      - {alert: Fine, expr: vector(3) > 0, labels: {team: web}}\n")
	p, r := h.bench()
	if err := h.rounds(r, 4); err != nil || h.alerts() != "Long error vector(2) > 0, Fine warning vector(3) > 0" {
		t.Error(err, h.alerts())
	}
	if got := p.judge(); got.State != check.Warning || got.Next == "" || len(got.Details) != 1 || !strings.Contains(got.Details[0], `alert "Long"`) {
		t.Errorf("%+v", got)
	}
	h.rules("groups: []\n")
	p.readRules(false)
	if err := h.rounds(r, 4); err != nil || h.alerts() != "" || p.judge().State != check.Healthy {
		t.Error(err, h.alerts(), p.judge())
	}
}

// A start and a reload keep the last good rules.
func TestRulesStay(t *testing.T) {
	h := newHost(t)
	h.rules(stuckRule)
	p, _ := h.bench()
	if string(p.inForce()) != stuckRule || p.judge().State != check.Healthy {
		t.Errorf("%s, %+v", p.inForce(), p.judge())
	}
	h.rules("groups: x")
	p.readRules(false)
	if r := p.judge(); string(p.inForce()) != stuckRule || r.State != check.Warning || !strings.Contains(strings.Join(r.Details, ""), "line 1: ") || r.Next == "" {
		t.Errorf("%s, %+v", p.inForce(), r)
	}
	p = New(h)
	p.readRules(true)
	if string(p.inForce()) != stuckRule || p.judge().State != check.Warning {
		t.Errorf("after a start: %s", p.inForce())
	}
	if err := os.Remove(h.t.Rules()); err != nil {
		t.Fatal(err)
	}
	p.readRules(false)
	if string(p.inForce()) != string(series.DefaultRules) || p.judge().State != check.Healthy {
		t.Errorf("without a file: %s", p.inForce())
	}
}

// Switched off nothing runs and no alert of a rule fires; switched on it goes on.
func TestSwitch(t *testing.T) {
	h := newHost(t)
	if _, err := h.o.RaiseAlert(t.Context(), operational.Alert{Name: "Old", Severity: operational.SeverityError, Source: operational.FromRule}, h.now); err != nil {
		t.Fatal(err)
	}
	off := config.New("alpha")
	off.Settings = map[string]string{"monitor.performance": "false"}
	on := h.cfg
	h.cfg = off
	p := New(h)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.stop != nil || h.alerts() != "" || !errors.Is(h.figures.Problem(), series.ErrOff) || !strings.Contains(p.judge().Figure, "off") {
		t.Errorf("off: %q, %+v", h.alerts(), p.judge())
	}
	if _, err := os.Stat(h.t.Series()); err == nil {
		t.Error("off, files are made")
	}
	h.cfg = on
	p.Reload(off, on)
	for p.host.Series().Problem() != nil {
		time.Sleep(time.Millisecond) // the first round begins at once
	}
	if p.stop == nil {
		t.Error("on, no rounds are made")
	}
	h.cfg = off
	p.Reload(on, off)
	if p.stop != nil || !errors.Is(h.figures.Problem(), series.ErrOff) {
		t.Error("off again, it goes on")
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// The metrics pass Prometheus' lint, and the API is reached under its paths.
func TestMetricsAndPaths(t *testing.T) {
	h := newHost(t)
	p, r := h.bench()
	if err := h.rounds(r, 2); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(h.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%+v, %v", problems, err)
	}
	mux := http.NewServeMux()
	p.HTTP(mux)
	for path, want := range map[string]int{
		"/api/v1/query?query=polecat_count": 200, "/api/v1/query_range?query=1&start=0&end=1&step=1": 200, "/api/v1/labels": 200, "/api/v1/label/__name__/values": 200,
		"/api/v1/series?match[]=polecat_count": 200, "/api/v1/status/buildinfo": 200, "/api/v1/admin/tsdb/delete_series": 404, "/api/v1/query": 400,
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
