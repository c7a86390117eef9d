package tune

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/sirupsen/logrus"

	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/series"
)

// host is a Town with figures that a test makes, and rows in a real plane.
type host struct {
	*testing.T
	dir     string
	o       *operational.Store
	figures *series.Store
	now     time.Time
	cfg     *config.Config
	reads   int
	started []string

	waited, ran, runs float64 // counters
}

func newHost(t *testing.T) *host {
	h := &host{T: t, dir: t.TempDir(), now: time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC), cfg: config.New("harbour")}
	o, err := operational.Create(t.Context(), doltdb.Options{Dir: filepath.Join(h.dir, "operational"), Home: filepath.Join(h.dir, "home"), Wait: time.Minute,
		Command: "test", Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	h.o, h.figures = o, series.New(series.Options{Dir: filepath.Join(h.dir, "series"), Log: log, Now: h.Now})
	h.figures.Start()
	t.Cleanup(func() {
		if err := errors.Join(o.Close(), h.figures.Stop()); err != nil {
			t.Error(err)
		}
	})
	h.set("autotune.enabled", "true")
	return h
}

func (h *host) Config() *config.Config { return h.cfg }
func (h *host) Now() time.Time         { return h.now }
func (h *host) Layout() layout.Town    { return layout.Town{Root: h.dir} }
func (h *host) Series() *series.Store  { return h.figures }
func (h *host) StartJob(name string) error {
	h.started = append(h.started, name)
	return nil
}
func (h *host) Tune(values map[string]string) error { h.cfg.Tune(values); return nil }
func (h *host) BeginTuned(values map[string]string) { h.cfg.Tune(values) }
func (h *host) Operational(_ context.Context, fn func(*operational.Store) error) error {
	h.reads++
	return fn(h.o)
}

func (h *host) set(key, value string) {
	h.Helper()
	if _, err := h.cfg.Set(key, value); err != nil {
		h.Fatal(err)
	}
}

// pass lets time pass in which statements took half a second a second, and waited for a
// connection as long as wait says, with some noise.
func (h *host) pass(d time.Duration, wait float64) {
	h.Helper()
	for i := range int(d / (15 * time.Second)) {
		h.now = h.now.Add(15 * time.Second)
		wobble := 1 + float64(i*7%11)/55
		h.waited, h.ran, h.runs = h.waited+15*wait*wobble, h.ran+7.5*wobble, h.runs+1500
		counter := func(name string, v float64) *dto.MetricFamily {
			return &dto.MetricFamily{Name: &name, Type: dto.MetricType_COUNTER.Enum(), Metric: []*dto.Metric{{Counter: &dto.Counter{Value: &v}}}}
		}
		err := h.figures.Append(h.Context(), h.now, []*dto.MetricFamily{
			counter("gt_dolt_pool_wait_seconds_total", h.waited), counter("gt_sql_seconds_total", h.ran), counter("gt_sql_runs_total", h.runs)})
		if err != nil {
			h.Fatal(err)
		}
	}
}

// run is one run of the job.
func (h *host) run(p *Part) string {
	h.Helper()
	note, err := p.run(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return note
}

func (h *host) want(value string, states ...operational.TuningState) {
	h.Helper()
	got, _, err := h.cfg.Get("dolt.max_open_conns")
	if err != nil || got != value {
		h.Fatalf("dolt.max_open_conns is %s, not %s: %v", got, value, err)
	}
	all, err := h.o.Tunings(h.Context())
	if err != nil || len(all) != len(states) {
		h.Fatalf("%+v, %v", all, err)
	}
	for i, s := range states {
		if all[i].State != s {
			h.Fatalf("change %d is %s, not %s: %s", i+1, all[i].State, s, all[i].Why)
		}
	}
}

const (
	trying    = operational.TuningTrying
	kept      = operational.TuningKept
	takenBack = operational.TuningTakenBack
)

// A measured wait leads to one change; it is kept when it helps, taken back when the next
// one does not, and each step is an event that says why.
func TestTune(t *testing.T) {
	h := newHost(t)
	p := New(h)
	h.run(p) // nothing was measured
	h.want("25")
	h.pass(time.Hour, 0)
	h.run(p) // nothing waits
	h.want("25")
	h.pass(time.Hour, .2)
	if note := h.run(p); !strings.Contains(note, "dolt.max_open_conns from 25 to 38: the wait for a connection was 40 %") {
		t.Error(note)
	}
	h.want("38", trying)
	h.pass(20*time.Minute, .02)
	h.run(p) // too soon
	h.want("38", trying)
	h.pass(40*time.Minute, .02)
	h.run(p) // it helped, and there is still some waiting
	h.want("57", kept, trying)
	h.pass(time.Hour, .02)
	if note := h.run(p); !strings.Contains(note, "dolt.max_open_conns to 57 is taken back: ") {
		t.Error(note)
	}
	h.want("38", kept, takenBack)
	for range 5 { // it rests
		h.pass(time.Hour, .02)
		h.run(p)
	}
	h.want("38", kept, takenBack)
	page, err := h.o.FeedAfter(t.Context(), 0, 100)
	if err != nil || len(page.Entries) != 4 || page.Entries[3].Kind != "tuning.taken_back" || !strings.Contains(page.Entries[3].Detail, "not better by 5 %") {
		t.Errorf("%+v, %v", page.Entries, err)
	}

	// Another Deacon begins with what is kept; and what a person sets counts at once.
	h.cfg.Tune(nil)
	h.want("25", kept, takenBack)
	if err := New(h).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.want("38", kept, takenBack)
	h.set("dolt.max_open_conns", "25")
	h.want("25", kept, takenBack)
	h.run(p)
	h.want("25", operational.TuningOvertaken, takenBack)
}

// While it is off, its job is disabled, and nothing is in force, nor read but for one look at
// the start.
func TestOff(t *testing.T) {
	h := newHost(t)
	on := *h.cfg
	h.cfg = config.New("harbour")
	p := New(h)
	if err := p.Start(t.Context()); err != nil || !p.Jobs(h.cfg)[0].Disabled || h.run(p) != "autotune is off: gt autotune enable" || h.reads != 1 {
		t.Errorf("%v, %+v, %d reads", err, p.Jobs(h.cfg), h.reads)
	}
	p.Reload(h.cfg, h.cfg)
	if len(h.started) != 0 {
		t.Error(h.started)
	}
	p.Reload(h.cfg, &on)
	if len(h.started) != 1 || p.Jobs(&on)[0].Disabled || p.Jobs(&on)[0].Schedule != "@every 1h0m0s" {
		t.Errorf("%v, %+v", h.started, p.Jobs(&on))
	}
}

// A change that was being tried when autotune was switched off is not judged by what was
// measured without it.
func TestOffInTheMiddle(t *testing.T) {
	h := newHost(t)
	p := New(h)
	h.pass(time.Hour, .2)
	h.run(p)
	h.want("38", trying)
	on, off := *h.cfg, *config.New("harbour")
	h.cfg = &off
	p.Reload(&on, &off)
	h.pass(2*time.Hour, .02) // better, but not by the change
	h.cfg = &on
	p.Reload(&off, &on)
	h.run(p)
	h.want("25", takenBack)
}

// Nor is one that a Deacon left when it ended, and autotune went off and on without it, or
// while another Deacon ran.
func TestOffAcrossDeacons(t *testing.T) {
	for what, switched := range map[string]func(h *host, on, off *config.Config){
		"off before the Deacon ended": func(h *host, on, off *config.Config) {
			h.cfg = off
			New(h).Reload(on, off) // then it ends
		},
		"a Deacon that began with autotune off": func(h *host, _, off *config.Config) {
			h.cfg = off
			if err := New(h).Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		h := newHost(t)
		h.pass(time.Hour, .2)
		h.run(New(h))
		h.want("38", trying)
		on := *h.cfg
		switched(h, &on, config.New("harbour"))
		h.pass(2*time.Hour, .02)
		h.cfg = &on
		p := New(h)
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(what, err)
		}
		h.want("25", takenBack)
		if note := h.run(p); strings.Contains(note, "kept") {
			t.Errorf("%s: %s", what, note)
		}
	}
}
