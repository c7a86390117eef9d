package deacon

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/control"
	"gastown/planes/operational"
	"gastown/town"
)

func TestRecorderKeepsWhatCouldNotBeWritten(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newRecorder(func() time.Time { return now })
	beat := func(agent, state string) {
		t.Helper()
		if err := r.beat(control.Heartbeat{Agent: agent, State: state}); err != nil {
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
	// It could not be written, and meanwhile there is news.
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
	r := newRecorder(func() time.Time { return now })
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
	r := newRecorder(time.Now)
	for n := range maxAgents {
		if err := r.beat(control.Heartbeat{Agent: fmt.Sprint("a", n), State: "idle"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.beat(control.Heartbeat{Agent: "one-more", State: "idle"}); !errors.Is(err, town.ErrBusy) {
		t.Errorf("one more agent: %v", err)
	}
	if err := r.beat(control.Heartbeat{Agent: "a7", State: "working"}); err != nil {
		t.Errorf("a known agent: %v", err)
	}
	for n := range maxEvents + 5 {
		r.changed(operational.CheckState{Name: "disk"}, fmt.Sprint(n))
	}
	if b, lost := r.take(false); len(b.Entries) != maxEvents || lost != 5 || b.Entries[0].Detail != "5" {
		t.Errorf("%d events, %d lost", len(b.Entries), lost)
	}
}

func TestAgentsAreForgotten(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newRecorder(func() time.Time { return now })
	_ = r.beat(control.Heartbeat{Agent: "a", State: "idle"})
	now = now.Add(agentLife)
	_ = r.beat(control.Heartbeat{Agent: "b", State: "idle"})
	if n := r.agents(); n != 2 {
		t.Errorf("%d agents", n)
	}
	now = now.Add(time.Second)
	if n := r.agents(); n != 1 {
		t.Errorf("%d agents", n)
	}
}

func TestStepsAreUndoneInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		release := make(chan struct{})
		make := func(name string, fails error, deaf bool) step {
			return step{name, func(context.Context) error {
				did = append(did, name)
				return fails
			}, func(context.Context) error {
				if deaf {
					<-release
					return nil
				}
				did = append(did, "-"+name)
				return nil
			}}
		}
		log := logrus.New()
		log.SetOutput(new(logged))
		broken := errors.New("broken")
		s := &steps{log: log}
		err := s.start(t.Context(), []step{make("a", nil, false), make("b", nil, true), make("c", nil, false), make("d", broken, false), make("e", nil, false)})
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), stopBudget)
		defer cancel()
		began := time.Now()
		if err := s.stop(ctx); err == nil {
			t.Error("a step that does not end is not told")
		}
		if took := time.Since(began); took > stopBudget+lastChance {
			t.Errorf("the stop took %s", took)
		}
		if got, want := fmt.Sprint(did), "[a b c d -c -a]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		close(release)
	})
}
