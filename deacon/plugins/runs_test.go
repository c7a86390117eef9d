package plugins

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"gastown/deacon/check"
	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/plugin"
)

// looked is a health check that finds what a test says.
type looked struct {
	plugin.Base
	name string
	find func() (plugin.Finding, error)
}

func (l looked) Name() string                      { return l.name }
func (l looked) Schedule() string                  { return "@every 7m" }
func (l looked) Init(map[string]interface{}) error { return nil }
func (l looked) Execute(context.Context, interface{}) (interface{}, error) {
	return l.find()
}

// host is a Town for the part alone.
type host struct {
	set     *plugin.Set
	rows    *operational.Store
	now     time.Time
	started []string
	changed int
	log     logrus.FieldLogger
}

func (h *host) Log() logrus.FieldLogger   { return h.log }
func (h *host) Now() time.Time            { return h.now }
func (h *host) PluginSet() *plugin.Set    { return h.set }
func (h *host) JobsChanged()              { h.changed++ }
func (h *host) StartJob(job string) error { h.started = append(h.started, job); return nil }
func (h *host) Operational(_ context.Context, fn func(*operational.Store) error) error {
	return fn(h.rows)
}

// Health checks become checks and alerts, which end with the trouble, with the plugin,
// and not by a restart.
func TestHealthChecks(t *testing.T) {
	dir := t.TempDir()
	rows, err := operational.Create(t.Context(), doltdb.Options{Dir: filepath.Join(dir, "rows"), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	finding, failed, during := plugin.Finding{State: plugin.Healthy, Figure: "5"}, error(nil), func() {}
	log, _ := logtest.NewNullLogger()
	path := filepath.Join(dir, "plugins.yaml")
	write := func(enabled string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("plugins:\n  - {name: a, type: health-check, enabled: "+enabled+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newPart := func() (*Part, *host) {
		h := &host{rows: rows, now: time.Now().UTC(), log: log}
		h.set = plugin.NewSet(plugin.Options{Path: path, Log: log, Now: func() time.Time { return h.now }, Types: plugin.Types{{
			Name: plugin.HealthCheck, New: func(name string) plugin.Plugin {
				return looked{name: name, find: func() (plugin.Finding, error) { during(); return finding, failed }}
			}}}})
		p := New(h)
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p, h
	}
	write("true")
	p, h := newPart()
	jobs := p.Jobs(nil)
	if len(jobs) != 1 || !slices.Equal(jobs[0].Keys, []string{"a"}) || jobs[0].ScheduleKey("a") != "@every 7m" || h.changed != 1 {
		t.Errorf("%+v, %d", jobs, h.changed)
	}
	board := func() check.Result {
		t.Helper()
		for _, c := range p.Checks(nil) {
			if c.Name == "plugin-a" {
				return c.Do(t.Context())
			}
		}
		t.Fatal("there is no check plugin-a")
		return check.Result{}
	}
	if r := board(); r.State != check.Healthy || r.Figure != "not looked at yet" || !slices.Contains(h.started, "plugin:a") {
		t.Errorf("%+v, %v", r, h.started)
	}
	alerts := func() string {
		t.Helper()
		all, err := rows.Alerts(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, a := range all {
			out = append(out, a.Name+" "+string(a.Severity)+" "+string(a.Source)+" "+a.Summary)
		}
		return strings.Join(out, "; ")
	}
	for _, v := range []struct {
		finding plugin.Finding
		err     error
		state   check.State
		alerts  string
	}{
		{plugin.Finding{State: plugin.Healthy, Figure: "5"}, nil, check.Healthy, ""},
		{plugin.Finding{State: plugin.Warning, Figure: "9\x1b[2J", Details: []string{"x"}}, nil, check.Warning, "plugin-a warning plugin 9[2J: x"},
		{plugin.Finding{State: plugin.Critical, Figure: "99"}, nil, check.Critical, "plugin-a critical plugin 99"},
		{plugin.Finding{}, errors.New("no answer"), check.Critical, "plugin-a critical plugin it cannot be looked at: the plugin a: no answer"},
		{plugin.Finding{State: plugin.Healthy}, nil, check.Healthy, "plugin-a critical plugin it cannot be looked at: the plugin a: no answer"}, // for a while
		{plugin.Finding{State: plugin.Warning, Figure: "9"}, nil, check.Warning, "plugin-a critical plugin it cannot be looked at: the plugin a: no answer"},
	} {
		finding, failed = v.finding, v.err
		if _, err := p.run(t.Context(), "a"); !errors.Is(err, v.err) {
			t.Errorf("%+v: %v", v, err)
		}
		if r := board(); r.State != v.state || alerts() != v.alerts {
			t.Errorf("%+v: %+v, alerts %q", v, r, alerts())
		}
	}
	finding = plugin.Finding{State: "fine"}
	if _, err := p.run(t.Context(), "a"); err == nil || board().State != check.Critical || !strings.Contains(alerts(), `its state "fine"`) {
		t.Errorf("an unknown state: %v, %+v, %q", err, board(), alerts())
	}
	finding = plugin.Finding{State: plugin.Warning, Figure: "9"}
	if _, err := p.run(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	// A restart: the Deacon recorded the state of the check.
	if err := rows.Record(t.Context(), operational.Batch{Checks: []operational.CheckState{{Name: "plugin-a", State: "warning", Figure: "9", Since: h.now}}}); err != nil {
		t.Fatal(err)
	}
	before := alerts()
	p, _ = newPart()
	if r := board(); r.State != check.Warning || alerts() != before || before == "" {
		t.Errorf("after a restart: %+v, %q", r, alerts())
	}
	// It is disabled while a call is under way, whose finding does not count.
	finding, during = plugin.Finding{State: plugin.Critical, Figure: "99"}, func() { write("false"); p.Reload(nil, nil) }
	if _, err := p.run(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if alerts() != "" || len(p.Jobs(nil)[0].Keys) != 0 || p.Jobs(nil)[0].Keys == nil || len(p.Checks(nil)) != 1 {
		t.Errorf("a disabled plugin: %q, %+v", alerts(), p.Jobs(nil))
	}
	if note, err := p.run(t.Context(), "a"); err != nil || !strings.Contains(note, "not in force") {
		t.Errorf("%q, %v", note, err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
