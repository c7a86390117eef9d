package alerts

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"gastown/deacon/part"
	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/plugin"
)

type host struct {
	rows *operational.Store
	log  logrus.FieldLogger
	now  time.Time
	root string
	on   []*plugin.Instance
}

func (h *host) Now() time.Time                    { return h.now }
func (h *host) Inputs() string                    { return "still" }
func (h *host) Log() logrus.FieldLogger           { return h.log }
func (h *host) Config() *config.Config            { return config.New("gt") }
func (h *host) Layout() layout.Town               { return layout.Town{Root: h.root} }
func (h *host) Plugins(string) []*plugin.Instance { return h.on }
func (h *host) Operational(_ context.Context, fn func(*operational.Store) error) error {
	return fn(h.rows)
}

// Checks and jobs become rows in time, also without a channel, for which nothing runs
// then. Meanwhile the job rests until there is something to decide.
func TestRows(t *testing.T) {
	dir := t.TempDir()
	rows, err := operational.Create(t.Context(), doltdb.Options{Dir: filepath.Join(dir, "operational"), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	log, _ := logtest.NewNullLogger()
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	h := &host{rows: rows, log: log, now: noon, root: dir}
	p := New(h)
	pass := func(due time.Duration, firing ...string) {
		t.Helper()
		_, at, err := p.pass(t.Context())
		want := part.Never
		if due > 0 {
			want = noon.Add(due)
		}
		if err != nil || !at.Equal(want) {
			t.Errorf("at %s: due %s, %v; want %s", h.now.Sub(noon), at, err, want)
		}
		all, err := rows.Alerts(t.Context(), time.Time{})
		if err != nil || len(all) != len(firing) {
			t.Fatalf("at %s: %+v, %v; want %v", h.now.Sub(noon), all, err, firing)
		}
		for i, a := range all {
			if a.Name+" "+string(a.Severity) != firing[i] {
				t.Errorf("at %s: %+v, want %s", h.now.Sub(noon), a, firing[i])
			}
		}
	}
	record := func(b operational.Batch) {
		t.Helper()
		if err := rows.Record(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	pass(0)
	record(operational.Batch{Checks: []operational.CheckState{{Name: "disk", State: "critical", Figure: "99 %", Since: noon}},
		Jobs: []operational.JobRun{{Job: "gc", Began: noon.Add(time.Minute), Outcome: "failed", Error: "no room"}}})
	h.now = noon.Add(time.Minute)
	pass(2 * time.Minute)
	h.now = noon.Add(2 * time.Minute)
	pass(3*time.Minute, "check-disk critical")
	h.now = noon.Add(3 * time.Minute)
	pass(0, "check-disk critical", "job-gc error")
	record(operational.Batch{Checks: []operational.CheckState{{Name: "disk", State: "healthy", Since: noon.Add(4 * time.Minute)}}})
	h.now = noon.Add(4 * time.Minute)
	pass(9*time.Minute, "check-disk critical", "job-gc error")
	p = New(h) // a restart
	h.now = noon.Add(9 * time.Minute)
	pass(0, "job-gc error")
	if _, err := rows.SetSilence(t.Context(), operational.Silence{Matchers: []string{"a=b"}, Ends: noon.Add(time.Hour)}, h.now); err != nil {
		t.Fatal(err)
	}
	pass(time.Hour, "job-gc error")
	if p.engine != nil {
		t.Error("without a channel an engine runs")
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, due, err := p.pass(t.Context()); err != nil || due != part.Never {
		t.Errorf("after the stop: %s, %v", due, err)
	}
}

func TestWokenBy(t *testing.T) {
	_, by := New(&host{}).Woken()
	for kind, want := range map[string]bool{"alert.raised": true, "alert.ended": true, "silence.set": true, "silence.ended": true, "check.changed": true, "job.failed": true, "bead.created": false} {
		if by(kind) != want {
			t.Errorf("%s: %v", kind, by(kind))
		}
	}
}
