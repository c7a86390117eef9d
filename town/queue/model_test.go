package queue

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

// modelRuns is how many histories are tried, each of modelSteps operations, unless
// -rapid.checks asks for another number. Every run makes two databases.
const (
	modelRuns  = 8
	modelSteps = 45
)

var modelBounds = Bounds{Limits: operational.Limits{Starting: 3, Working: 4, PerRig: 3}, Size: 4}

type model struct {
	*world
	ctx   context.Context
	beads []string
	// tickets are all that were ever given out.
	tickets []town.Ticket
	slung   map[string]bool
}

// act does one thing that a person, an agent or the machine may do.
func (m *model) act(t *rapid.T) {
	switch rapid.SampledFrom([]string{
		"sling", "sling", "sling", "pass", "pass", "pass", "pass", "crash", "crash", "crash", "write", "write", "done", "done", "no change",
		"handoff", "stale", "kill", "exit", "nuke", "decide", "close", "take", "clear", "full", "later",
	}).Draw(t, "act") {
	case "sling":
		m.sling(t)
	case "pass":
		m.pass()
	case "crash":
		m.crash, m.half = rapid.IntRange(1, 40).Draw(t, "after"), rapid.Bool().Draw(t, "half")
		m.pass()
		m.crash = 0
	case "write":
		m.write(m.pick(t).Agent)
	case "done":
		k := m.pick(t)
		m.expect(t, k, m.operational.Submit(m.ctx, k, operational.MergeRequest{
			Branch: k.Agent.Branch(k.Bead), Head: strings.Repeat("a", 40), Target: "main",
		}, m.clock()))
	case "no change":
		k := m.pick(t)
		m.expect(t, k, m.operational.End(m.ctx, k, town.Finished, "nothing to do", k.Agent.String(), m.clock()))
	case "handoff":
		k := m.pick(t)
		_, err := m.operational.Renew(m.ctx, k, operational.Renewal{Reason: "handed off"}, m.clock())
		m.expect(t, k, err)
	case "stale":
		for _, k := range m.tickets {
			if !m.live(k) {
				m.expect(t, k, m.operational.Working(m.ctx, k, "late", m.clock()))
			}
		}
	case "kill":
		m.mu.Lock()
		delete(m.sessions, m.pick(t).Agent)
		m.mu.Unlock()
	case "exit":
		m.mu.Lock()
		if s := m.sessions[m.pick(t).Agent]; s != nil {
			s.Ended = true
		}
		m.mu.Unlock()
	case "nuke":
		k := m.pick(t)
		if _, err := m.controller().Nuke(m.ctx, k.Agent, "asked"); err != nil && !errors.Is(err, errFull) && !errors.Is(err, operational.ErrNoAgent) {
			t.Fatal(err)
		}
	case "decide":
		k := m.pick(t)
		how := operational.Verdict{Reason: "decided", Landed: strings.Repeat("c", 40)}
		how.State = rapid.SampledFrom([]operational.MergeState{operational.MergeLanded, operational.MergeConflicted, operational.MergeFailed}).Draw(t, "how")
		how.Stuck = rapid.Bool().Draw(t, "stuck")
		err := m.operational.Decide(m.ctx, k, how, "web/refinery", m.clock())
		if err != nil && !errors.As(err, new(*operational.StaleError)) && k.Epoch != 0 {
			t.Fatal(err)
		}
	case "close":
		_, err := m.ledger.Update(m.ctx, []ledger.Patch{{ID: rapid.SampledFrom(m.beads).Draw(t, "bead"), Status: new(town.StatusClosed)}})
		must(m.t, err)
	case "take":
		ada := "ada"
		_, err := m.ledger.Update(m.ctx, []ledger.Patch{{ID: rapid.SampledFrom(m.beads).Draw(t, "bead"), Assignee: &ada}})
		must(m.t, err)
	case "clear":
		_, err := m.operational.Unqueue(m.ctx, m.work().Queue, "cleared", "ada", m.clock())
		must(m.t, err)
	case "full":
		m.full = !m.full
	case "later":
		m.mu.Lock()
		m.now = m.now.Add(20 * time.Minute)
		m.mu.Unlock()
	}
}

func (m *model) sling(t *rapid.T) {
	bead := rapid.SampledFrom(m.beads).Draw(t, "bead")
	rig := rapid.SampledFrom([]string{"web", "api"}).Draw(t, "rig")
	_, err := m.operational.Enqueue(m.ctx, []operational.Waiting{{Bead: bead, Rig: rig}}, modelBounds.Size, m.clock())
	if err == nil {
		m.slung[bead] = true
	} else if !errors.As(err, new(*operational.TakenError)) && !errors.As(err, new(*operational.QueuedError)) && !errors.As(err, new(*operational.FullError)) {
		t.Fatal(err)
	}
}

// pass is one pass of the dispatcher and of the controller.
func (m *model) pass() {
	made, err := m.dispatcher(modelBounds).Pass(m.ctx)
	for _, a := range made {
		m.tickets = append(m.tickets, a.Ticket)
	}
	if err != nil && !errors.Is(err, errCrash) {
		m.t.Fatal(err)
	}
	done, err := m.controller().Pass(m.ctx)
	for _, err := range append(done.Failed, err) {
		if err != nil && !errors.Is(err, errCrash) && !errors.Is(err, errFull) {
			m.t.Fatal(err)
		}
	}
	m.remember()
}

// remember collects the tickets that renewals made.
func (m *model) remember() {
	for _, a := range m.work().Assignments {
		m.tickets = append(m.tickets, a.Ticket)
	}
}

func (m *model) work() operational.Work {
	w, err := m.operational.Work(context.Background())
	must(m.t, err)
	if len(w.Spoilt) > 0 {
		m.t.Fatal(w.Spoilt)
	}
	return w
}

// pick is a ticket, more often one that counts.
func (m *model) pick(t *rapid.T) town.Ticket {
	live := m.work().Assignments
	switch {
	case len(live) > 0 && rapid.IntRange(0, 3).Draw(t, "old") > 0:
		return rapid.SampledFrom(live).Draw(t, "assignment").Ticket
	case len(m.tickets) > 0:
		return rapid.SampledFrom(m.tickets).Draw(t, "ticket")
	}
	return town.Ticket{}
}

// live reports whether a ticket counts.
func (m *model) live(k town.Ticket) bool {
	held, ok := m.work().HeldBy(k.Agent)
	return ok && held.Ticket == k
}

// expect checks that a ticket that does not count was refused. It is called after
// the fact, so a ticket that counted does not any more.
func (m *model) expect(t *rapid.T, k town.Ticket, err error) {
	if k.Epoch == 0 {
		return
	}
	all, rerr := m.operational.Assignments(m.ctx, k.Bead)
	must(m.t, rerr)
	for _, a := range all {
		if a.Epoch == k.Epoch && err == nil && (a.Agent != k.Agent || a.Run < k.Run) {
			t.Fatalf("the ticket %s was taken; the assignment is %+v", k, a)
		}
	}
	if err != nil && (!errors.As(err, new(*operational.StaleError)) || !errors.Is(err, town.ErrRefused)) {
		t.Fatal(err)
	}
}

// check is what holds at every moment.
func (m *model) check(t *rapid.T) {
	w := m.work()
	beads, agents, perRig, starting := map[string]bool{}, map[town.Address]bool{}, map[string]int{}, 0
	for _, a := range w.Assignments {
		if beads[a.Bead] {
			t.Fatalf("two assignments hold %s", a.Bead)
		}
		beads[a.Bead] = true
		if a.State == town.Assigned {
			starting++
		}
		if a.State.Held() {
			if agents[a.Agent] {
				t.Fatalf("%s has two assignments", a.Agent)
			}
			agents[a.Agent] = true
			perRig[a.Agent.Rig]++
		}
	}
	for _, q := range w.Queue {
		if beads[q.Bead] {
			t.Fatalf("%s waits and has an assignment", q.Bead)
		}
	}
	// A renewed session starts again, so there may be more of those than of slings.
	if len(w.Queue) > modelBounds.Size || len(agents) > modelBounds.Working || perRig["web"] > modelBounds.PerRig || perRig["api"] > modelBounds.PerRig {
		t.Fatalf("a limit is exceeded: %d wait, %d work, %v", len(w.Queue), len(agents), perRig)
	}
	if lost := m.lost(); len(lost) > 0 {
		t.Fatalf("lost: %v", lost)
	}
}

// settle lets everything end that was begun, and checks that planes and sessions
// agree. It is so much later that no start still waits for its next try.
func (m *model) settle(t *rapid.T) {
	m.full = false
	m.mu.Lock()
	m.now = m.now.Add(20 * time.Minute)
	m.mu.Unlock()
	for range 4 {
		m.pass()
		m.check(t)
	}
	w := m.work()
	for _, a := range w.Assignments {
		if !a.Told {
			t.Fatalf("the ledger was not told of %+v", a)
		}
		b := m.get(a.Bead)
		if a.State.Held() && b.Status != town.StatusClosed && (b.Status != town.StatusInProgress || b.Assignee != a.Agent.String()) {
			t.Fatalf("the ledger has %s %s for %q, the assignment is %+v", a.Bead, b.Status, b.Assignee, a)
		}
		if s := m.sessions[a.Agent]; a.State.Held() && (s == nil || s.Run != a.Run || a.State == town.Working && len(s.handed) == 0) {
			t.Fatalf("the session of %+v is %+v", a, s)
		}
	}
	for agent, s := range m.sessions {
		if held, ok := w.HeldBy(agent); !ok || held.Run != s.Run {
			t.Fatalf("a session is left: %+v", s)
		}
	}
	for _, a := range w.Agents {
		_, held := w.HeldBy(a.Address)
		if held != (a.Bead != "") || !held && a.State != town.AgentIdle || held && a.State == town.AgentZombie {
			t.Fatalf("held: %v, the agent is %+v", held, a)
		}
	}
	for _, bead := range m.beads {
		b := m.get(bead)
		_, held := w.Holder(bead)
		if who, err := town.ParseAddress(b.Assignee); err == nil && b.Status == town.StatusInProgress && !held {
			t.Fatalf("%s is in progress for %s without an assignment", bead, who)
		}
	}
}

func (m *model) get(bead string) town.Bead {
	d, err := m.ledger.Get(context.Background(), []string{bead}, nil)
	must(m.t, err)
	return d[0].Bead
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever people, agents and crashes do, a bead has one worker, what is old is
// refused, nothing that was written is lost, and what a crash leaves is mended.
func TestRandomHistories(t *testing.T) {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		must(t, flag.Set("rapid.checks", fmt.Sprint(modelRuns)))
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "work")
		must(t, err)
		defer os.RemoveAll(dir)
		m := &model{world: newWorld(t, dir), ctx: context.Background(), slung: map[string]bool{}}
		defer m.close()
		for n := range 6 {
			m.beads = append(m.beads, fmt.Sprint("web-", n))
			m.bead(m.beads[n], n%3)
		}
		for range modelSteps {
			m.act(rt)
			m.check(rt)
		}
		m.settle(rt)
	})
}
