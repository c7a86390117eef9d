package page

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

type answered struct {
	Off    string
	From   int64
	Step   float64
	Steps  int
	Charts []struct {
		ID    string
		Lines []struct {
			Name   string
			Values []*float64
		}
	}
}

// A range is read once a step, whoever asks.
func TestCharts(t *testing.T) {
	source := newTown()
	server, _ := serve(t, source, Access{})
	lines := int64(0)
	for _, c := range chartList {
		lines += int64(len(c.Lines))
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { get(t, server.URL+"/dashboard/charts?range=week") })
	}
	all.Wait()
	if n := source.figures.Load(); n != lines && n != 2*lines { // a step may have ended meanwhile
		t.Errorf("%d questions for %d lines", n, lines)
	}
	for _, s := range spans {
		code, body, _ := get(t, server.URL+"/dashboard/charts?range="+s.Name)
		var got answered
		if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusOK {
			t.Fatalf("%d %v: %s", code, err, body)
		}
		if got.Steps != 241 || got.Step != s.step.Seconds() || len(got.Charts) != len(chartList) {
			t.Errorf("%s: %d steps of %v, %d charts", s.Name, got.Steps, got.Step, len(got.Charts))
		}
		for i, c := range got.Charts {
			if c.ID != chartList[i].ID || len(c.Lines) != len(chartList[i].Lines) {
				t.Fatalf("%+v", c)
			}
			for _, l := range c.Lines {
				if v := l.Values; len(v) != got.Steps || v[0] == nil || *v[0] != 1.235 || v[1] != nil || *v[2] != 3 || v[3] != nil {
					t.Errorf("%s: %v", l.Name, v)
				}
			}
		}
	}
	for _, bad := range []string{"", "?range=", "?range=year", "?range=../hour"} {
		if code, _, _ := get(t, server.URL+"/dashboard/charts"+bad); code != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, code)
		}
	}
}

func TestChartsAreOff(t *testing.T) {
	source := newTown()
	source.off.Store(true)
	now := time.Date(2031, 3, 10, 12, 0, 1, 0, time.UTC)
	c := newCharts(source, func() time.Time { return now })
	ask := func() (a answered) {
		t.Helper()
		if err := json.Unmarshal(c.answer(t.Context(), c.ranges["hour"]), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := ask(); !strings.Contains(a.Off, "gt monitor enable") {
		t.Errorf("%+v", a)
	}
	ask()
	if n := source.figures.Load(); n != 1 {
		t.Errorf("%d questions while it is off", n)
	}
	source.off.Store(false)
	now = now.Add(shortestPause)
	if a := ask(); a.Off != "" || a.Steps != 241 {
		t.Errorf("%+v", a)
	}
}
