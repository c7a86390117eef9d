package queue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/polecat"
)

// A session that cannot start, or whose agent takes no work, is tried again after ever
// longer pauses. Then its bead goes back, and the bead says why.
func TestAWorkerThatCannotBegin(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*world)
		why   string
	}{
		"start":     {func(w *world) { w.broken = true }, "its session could not be started: there is no such program"},
		"hand over": {func(w *world) { w.deaf = true }, "its work could not be handed over: it takes no text"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			defer w.close()
			w.bead("web-a", 1)
			if _, err := w.operational.Enqueue(t.Context(), []operational.Waiting{{Bead: "web-a", Rig: "web", By: "ada"}}, 10, w.clock()); err != nil {
				t.Fatal(err)
			}
			if _, err := w.dispatcher(Bounds{}).Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			test.spoil(w)
			var tries []time.Duration // since noon
			for range 40 {
				done, err := w.controller().Pass(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, failed := range done.Failed {
					if !strings.Contains(failed.Error(), test.why) {
						t.Fatalf("%v", failed)
					}
					tries = append(tries, w.clock().Sub(noon).Truncate(10*time.Second))
				}
				work, err := w.operational.Work(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if held, ok := work.Holder("web-a"); ok && len(tries) > 0 {
					if held.Trouble == nil || held.Trouble.Tries != len(tries) || !strings.Contains(held.Trouble.Reason, test.why) {
						t.Fatalf("after %d tries: %+v", len(tries), held.Trouble)
					}
				} else if len(tries) > 0 {
					break
				}
				w.now = w.now.Add(20 * time.Second)
			}
			var gaps []time.Duration
			for i := 1; i < len(tries); i++ {
				gaps = append(gaps, tries[i]-tries[i-1])
			}
			if len(gaps) != 4 || gaps[0] < 30*time.Second || gaps[1] < time.Minute || gaps[2] < 2*time.Minute || gaps[3] < 4*time.Minute {
				t.Errorf("%d tries, with pauses of %v", len(tries), gaps)
			}
			if _, err := w.controller().Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			details, err := w.ledger.Get(t.Context(), []string{"web-a"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			b := details[0]
			if b.Status != town.StatusOpen || b.Assignee != "" || len(b.Comments) != 1 || !strings.Contains(b.Comments[0].Text, "returned: it was tried 5 times: "+test.why) {
				t.Errorf("%s for %q, %+v", b.Status, b.Assignee, b.Comments)
			}
			if len(w.sessions) != 0 {
				t.Error("a session is left")
			}
			// The cause is gone: the bead is worked on as ever.
			w.broken, w.deaf = false, false
			if _, err := w.operational.Assign(t.Context(), operational.Order{Bead: "web-a", Agent: town.PolecatAddress("web", "ace")}, w.clock()); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if done, err := w.controller().Pass(t.Context()); err != nil || done.Err() != nil {
					t.Fatal(err, done.Err())
				}
			}
			work, err := w.operational.Work(t.Context())
			if held, ok := work.Holder("web-a"); err != nil || !ok || held.State != town.Working || held.Trouble != nil {
				t.Errorf("%+v, %v", held, err)
			}
		})
	}
}

// A bead that came back because a polecat's sandbox is broken goes to another polecat,
// and so does later work, while the broken one says what is wrong with it.
func TestABrokenSandboxIsNotPickedAgain(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.close()
	w.spoilt = town.PolecatAddress("web", "amber")
	give := func(bead string) operational.Assignment {
		t.Helper()
		if _, err := w.operational.Enqueue(t.Context(), []operational.Waiting{{Bead: bead, Rig: "web", By: "ada"}}, 10, w.clock()); err != nil {
			t.Fatal(err)
		}
		made, err := w.dispatcher(Bounds{}).Pass(t.Context())
		if err != nil || len(made) != 1 {
			t.Fatal(made, err)
		}
		return made[0]
	}
	w.bead("web-a", 1)
	first := give("web-a")
	if first.Agent != w.spoilt {
		t.Fatalf("%s got it first", first.Agent)
	}
	work := operational.Work{}
	for range 60 {
		if _, err := w.controller().Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		var err error
		if work, err = w.operational.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, held := work.Holder("web-a"); !held {
			break
		}
		w.now = w.now.Add(20 * time.Second)
	}
	if a, ok := work.Agent(w.spoilt); !ok || a.State != town.AgentIdle || !strings.Contains(a.Evidence, "damaged repository") {
		t.Fatalf("%+v", a)
	}
	second := give("web-a")
	for range 3 {
		if done, err := w.controller().Pass(t.Context()); err != nil || done.Err() != nil {
			t.Fatal(err, done.Err())
		}
	}
	work, err := w.operational.Work(t.Context())
	if held, ok := work.Holder("web-a"); err != nil || !ok || held.Agent == w.spoilt || held.State != town.Working {
		t.Errorf("%+v, %v", held, err)
	}
	w.bead("web-b", 1)
	if third := give("web-b"); third.Agent == w.spoilt || third.Agent == second.Agent {
		t.Errorf("the next one is given to %s", third.Agent)
	}
}

// An agent can remove its sandbox, or put something else there. The next session of the
// same work gets a new one.
func TestASandboxThatIsGoneIsMadeAnew(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.close()
	w.bead("web-a", 1)
	if _, err := w.operational.Enqueue(t.Context(), []operational.Waiting{{Bead: "web-a", Rig: "web", By: "ada"}}, 10, w.clock()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.dispatcher(Bounds{}).Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	passes := func() operational.Assignment {
		t.Helper()
		for range 3 {
			if done, err := w.controller().Pass(t.Context()); err != nil || done.Err() != nil {
				t.Fatal(err, done.Err())
			}
		}
		work, err := w.operational.Work(t.Context())
		held, ok := work.Holder("web-a")
		if err != nil || !ok || held.State != town.Working {
			t.Fatalf("%+v %v", held, err)
		}
		return held
	}
	first := passes()
	w.unusable = first.Agent
	if _, err := w.operational.Renew(t.Context(), first.Ticket, operational.Renewal{Reason: "handed off"}, w.clock()); err != nil {
		t.Fatal(err)
	}
	if second := passes(); second.Agent != first.Agent || second.Run == first.Run || w.unusable == first.Agent {
		t.Errorf("%+v; without a sandbox: %s", second, w.unusable)
	}
}

// What a merge request was given back for stands on its bead once, in the name of who gave
// it back, however often the ledger is told and whoever has the bead by then. A worker's
// own reason stands there each time.
func TestAReturnedBeadHasOneComment(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.close()
	beads := polecat.Beads{Store: w.ledger}
	nux := town.PolecatAddress("web", "nux").String()
	comments := func(want ...string) {
		t.Helper()
		found, err := w.ledger.Get(t.Context(), []string{"web-a"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range found[0].Comments {
			got = append(got, c.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	w.bead("web-a", 1)
	back := func(reason string) {
		t.Helper()
		if err := beads.Claim(t.Context(), "web-a", nux); err != nil {
			t.Fatal(err)
		}
		if err := beads.Release(t.Context(), "web-a", nux, reason); err != nil {
			t.Fatal(err)
		}
	}
	const said = "Merge request 1 (b at 12) was given back: the check test failed.\nlog: gt refinery log 1"
	if err := beads.Claim(t.Context(), "web-a", nux); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := beads.GiveBack(t.Context(), "web-a", nux, town.StatusOpen, "web/refinery", said); err != nil {
			t.Fatal(err)
		}
	}
	comments(said)
	if err := beads.GiveBack(t.Context(), "web-none", nux, town.StatusOpen, "web/refinery", said); err != nil {
		t.Error(err) // it was deleted
	}
	back("it was tried 5 times")
	back("it was tried 5 times")
	comments(said, "returned: it was tried 5 times", "returned: it was tried 5 times")
}

// The bead of a worker that was lost twice says where its work is: saved, or in its sandbox
// when it cannot be saved, for instance because the remote does not answer.
func TestAWorkerLostTwice(t *testing.T) {
	for full, want := range map[bool]string{
		false: "its worker was lost twice: its session is gone; its work is saved at refs/gt/rescue (changes)",
		true:  "its work is in the sandbox of web/polecats/amber, because it could not be saved: the remote takes nothing",
	} {
		w := newWorld(t, t.TempDir())
		amber := town.PolecatAddress("web", "amber")
		w.bead("web-a", 1)
		if _, err := w.operational.Assign(t.Context(), operational.Order{Bead: "web-a", Agent: amber}, w.clock()); err != nil {
			t.Fatal(err)
		}
		pass := func() {
			t.Helper()
			for range 3 {
				if done, err := w.controller().Pass(t.Context()); err != nil || done.Err() != nil {
					t.Fatal(err, done.Err())
				}
			}
		}
		for range 2 {
			pass()
			w.write(amber)
			delete(w.sessions, amber)
		}
		w.full = full
		pass()
		details, err := w.ledger.Get(t.Context(), []string{"web-a"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := details[0]
		if b.Status != town.StatusOpen || len(b.Comments) != 1 || !strings.Contains(b.Comments[0].Text, want) {
			t.Errorf("%s, %+v, want %s", b.Status, b.Comments, want)
		}
		if lost := w.lost(); len(w.made) != 2 || len(lost) > 0 || full == (len(w.saved) == 2) {
			t.Errorf("made %q, saved %q, lost %q", w.made, w.saved, lost)
		}
		w.close()
	}
}
