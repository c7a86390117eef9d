package plugins

import (
	"path/filepath"
	"testing"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/plugin"
)

// A health check that flips back and forth is one alert, which ends when the check has been
// healthy for a while, also across a restart and when the clock is put back. So is one that
// flips between two states: it has the worse one.
func TestFlapping(t *testing.T) {
	dir := t.TempDir()
	rows, err := operational.Create(t.Context(), doltdb.Options{Dir: filepath.Join(dir, "rows"), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	log, _ := logtest.NewNullLogger()
	noon := time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)
	h := &host{rows: rows, now: noon, log: log}
	p := New(h)
	for _, v := range []struct {
		minute   float64
		state    string
		restart  bool
		severity string  // "" when no alert fires
		began    float64 // the minute in which the alert began that fired last
		calming  bool
	}{
		{0, plugin.Healthy, false, "", 0, false},
		{1, plugin.Critical, false, "critical", 1, false},
		{2, plugin.Healthy, false, "critical", 1, true},
		{3, plugin.Warning, false, "critical", 1, true},
		{4, plugin.Healthy, false, "critical", 1, true},
		{7, plugin.Healthy, false, "warning", 1, true},
		{8, plugin.Healthy, true, "warning", 1, true},
		{8.9, plugin.Healthy, false, "warning", 1, true},
		{9, plugin.Healthy, false, "", 1, false},
		{10, plugin.Warning, false, "warning", 10, false},
		{11, plugin.Warning, true, "warning", 10, false},
		{12, plugin.Critical, false, "critical", 10, false},
		{13, plugin.Warning, false, "critical", 10, true},
		{14, plugin.Critical, true, "critical", 10, false},
		{15, plugin.Warning, false, "critical", 10, true},
		{20, plugin.Warning, false, "warning", 10, false},
		{21, plugin.Healthy, false, "warning", 10, true},
		{-60, plugin.Healthy, false, "warning", 10, true},
		{-55, plugin.Healthy, false, "", 10, false},
	} {
		h.now = noon.Add(time.Duration(v.minute * float64(time.Minute)))
		if v.restart {
			p = New(h)
			p.recall(t.Context())
		}
		if p.last["a"].State != v.state {
			p.last["a"] = plugin.Finding{State: v.state, Figure: "7"}
			if err := rows.Record(t.Context(), operational.Batch{Checks: []operational.CheckState{{Name: "plugin-a", State: v.state, Figure: "7", Since: h.now}}}); err != nil {
				t.Fatal(err)
			}
		}
		p.settle(t.Context())
		all, err := rows.Alerts(t.Context(), noon.Add(-24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		severity, began := "", 0.0
		for _, a := range all {
			if began = a.Since.Sub(noon).Minutes(); a.Fires() {
				severity = string(a.Severity)
			}
		}
		if severity != v.severity || began != v.began || p.calming() != v.calming {
			t.Errorf("minute %v: %q since %v, calming %v; want %+v", v.minute, severity, began, p.calming(), v)
		}
	}
	// A plugin that is not in force any more has no alert.
	h.now = noon.Add(time.Hour)
	p.last["a"] = plugin.Finding{State: plugin.Critical}
	p.settle(t.Context())
	delete(p.last, "a")
	p.settle(t.Context())
	if all, err := rows.Alerts(t.Context(), time.Time{}); err != nil || len(all) != 0 {
		t.Errorf("after it is gone: %+v, %v", all, err)
	}
}
