package recorder

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town"
)

func TestRecorderKeepsWhatCouldNotBeWritten(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newBatch(func() time.Time { return now })
	beat := func(agent, state string) {
		t.Helper()
		if err := r.beat(operational.Heartbeat{Agent: agent, State: state}); err != nil {
			t.Fatal(err)
		}
	}
	beat("a", "idle")
	beat("b", "idle")
	r.changed(operational.CheckState{Name: "disk", State: "warning", Since: now}, "first")
	r.ran(operational.JobRun{Job: "gc", Outcome: "ok"})
	b, _ := r.take(false)
	if len(b.Heartbeats) != 2 || len(b.Checks) != 1 || len(b.Entries) != 1 || len(b.Jobs) != 1 {
		t.Fatalf("%+v", b)
	}
	if again, _ := r.take(true); !again.Empty() {
		t.Errorf("taken twice: %+v", again)
	}
	// The batch could not be written, and newer records were added meanwhile.
	beat("a", "stuck")
	r.changed(operational.CheckState{Name: "disk", State: "critical", Since: now}, "second")
	r.giveBack(b)
	b, lost := r.take(false)
	states := map[string]string{}
	for _, h := range b.Heartbeats {
		states[h.Agent] = h.State
	}
	if len(states) != 2 || states["a"] != "stuck" || states["b"] != "idle" || b.Checks[0].State != "critical" || lost != 0 {
		t.Errorf("%+v", b)
	}
	if len(b.Entries) != 2 || b.Entries[0].Detail != "first" || b.Entries[1].Detail != "second" {
		t.Errorf("%+v", b.Entries)
	}
}

func TestRunsOfJobsAreWorthNoWriteOfTheirOwn(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newBatch(func() time.Time { return now })
	r.ran(operational.JobRun{Job: "checks", Outcome: "ok"})
	if b, _ := r.take(false); !b.Empty() {
		t.Errorf("%+v", b)
	}
	now = now.Add(jobsEvery)
	if b, _ := r.take(false); len(b.Jobs) != 1 {
		t.Errorf("%+v", b)
	}
	r.ran(operational.JobRun{Job: "checks", Outcome: "ok"})
	if b, _ := r.take(true); len(b.Jobs) != 1 {
		t.Errorf("the last flush left %+v", b)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	r := newBatch(time.Now)
	for n := range maxAgents {
		if err := r.beat(operational.Heartbeat{Agent: fmt.Sprint("a", n), State: "idle"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.beat(operational.Heartbeat{Agent: "one-more", State: "idle"}); !errors.Is(err, town.ErrBusy) {
		t.Errorf("one more agent: %v", err)
	}
	if err := r.beat(operational.Heartbeat{Agent: "a7", State: "working"}); err != nil {
		t.Errorf("a known agent: %v", err)
	}
	for n := range maxEvents + 5 {
		r.changed(operational.CheckState{Name: "disk"}, fmt.Sprint(n))
	}
	if b, lost := r.take(false); len(b.Entries) != maxEvents || lost != 5 || b.Entries[0].Detail != "5" {
		t.Errorf("%d events, %d lost", len(b.Entries), lost)
	}
}
