package recorder

import (
	"strings"
	"testing"
	"time"

	"gastown/planes/operational"
)

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

func words(entries []operational.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Kind+" "+e.Subject+": "+e.Detail)
	}
	return strings.Join(all, "; ")
}

func TestRunsThatAreEvents(t *testing.T) {
	var r runs
	r.recall(operational.JobRun{Job: "gc", Outcome: "failed", Error: "disk full", Began: noon})
	for _, step := range []struct {
		run  operational.JobRun
		want string
	}{
		{operational.JobRun{Job: "gc", Outcome: "failed", Error: "disk full"}, ""},
		{operational.JobRun{Job: "gc", Outcome: "stopped", Error: "stopped"}, ""},
		{operational.JobRun{Job: "gc", Outcome: "ok"}, "job.recovered gc: it had failed since 2031-03-10T12:00:00Z"},
		{operational.JobRun{Job: "gc", Outcome: "ok", Note: "packed"}, ""},
		{operational.JobRun{Job: "gc", Outcome: "deadline", Error: "too slow"}, "job.failed gc: too slow"},
		{operational.JobRun{Job: "gc", Outcome: "failed", Error: "other"}, ""},
		{operational.JobRun{Job: "federation-sync:origin", Outcome: "ok"}, ""},
		{operational.JobRun{Job: "federation-sync:origin", Outcome: "ok", Note: "2 commit(s) merged"}, "federation.synced origin: 2 commit(s) merged"},
	} {
		if got := words(r.ran(step.run)); got != step.want {
			t.Errorf("%+v: %q, want %q", step.run, got, step.want)
		}
	}
	e := r.ran(operational.JobRun{Job: "x", Outcome: "failed", Error: "e", Began: noon, Took: time.Second})[0]
	if !e.At.Equal(noon.Add(time.Second)) || e.Data != `{"outcome":"failed"}` {
		t.Errorf("%+v", e)
	}
}
