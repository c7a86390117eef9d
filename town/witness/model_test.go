package witness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/escalate"
	"gastown/town/polecat"
)

// modelRuns is how many histories are tried, each of modelSteps operations, unless
// -rapid.checks asks for another number. Every run makes two databases.
const (
	modelRuns  = 6
	modelSteps = 40
	// modelEnd is how many rounds of five minutes lead to the end, whatever was before:
	// two workers of each bead, with a session that is lost and nudges before.
	modelEnd = 40
)

type model struct {
	*world
	ctx   context.Context
	beads []string
	// freed is how many assignments a bead had when a person last let it go on.
	freed map[string]int
	// did counts what patrols did, in all histories.
	did map[Deed]int
}

// act does one thing that a person, an agent or the machine may do.
func (m *model) act(t *rapid.T) {
	switch rapid.SampledFrom([]string{
		"sling", "sling", "pass", "pass", "pass", "patrol", "patrol", "patrol", "crash", "crash", "crash", "write", "commit", "push", "print", "print", "prompt",
		"dialog", "done", "kill", "exit", "handoff", "open", "take", "full", "later", "later", "later", "long",
	}).Draw(t, "act") {
	case "sling":
		_, err := m.operational.Enqueue(m.ctx, []operational.Waiting{{Bead: rapid.SampledFrom(m.beads).Draw(t, "bead"), Rig: "web"}}, 0, m.now)
		if err != nil && !errors.Is(err, town.ErrRefused) {
			t.Fatal(err)
		}
	case "pass":
		m.pass()
	case "patrol":
		m.patrol()
	case "crash":
		m.ends, m.late = rapid.IntRange(1, 30).Draw(t, "after"), rapid.Bool().Draw(t, "late")
		if rapid.Bool().Draw(t, "which") {
			m.patrol()
		} else {
			m.pass()
		}
		m.ends = 0
	case "write", "commit":
		if a, b := m.agent(t), (*box)(nil); a != nil {
			if b = m.boxes[a.Agent]; b == nil {
				return
			}
			text := fmt.Sprint("change ", len(m.made))
			m.made, b.files = append(m.made, text), append(b.files, text)
			b.changes++
			b.dirty = rapid.Bool().Draw(t, "dirty")
			if !b.dirty {
				b.commits = b.changes
			}
			a.Output = m.now
		}
	case "push":
		if a := m.agent(t); a != nil && m.boxes[a.Agent] != nil && !m.full {
			b := m.boxes[a.Agent]
			b.pushed = b.commits
		}
	case "print":
		for _, s := range m.sessions {
			s.Output, s.prompt, s.dialog = m.now, false, ""
		}
	case "prompt":
		if a := m.agent(t); a != nil {
			a.prompt = true
		}
	case "dialog":
		if a := m.agent(t); a != nil {
			a.dialog = rapid.SampledFrom([]string{"login", "question"}).Draw(t, "dialog")
		}
	case "done":
		for _, a := range m.work().Assignments {
			if a.State == town.Working {
				m.saved = append(m.saved, m.boxes[a.Agent].files...)
				m.boxes[a.Agent].files = nil
				m.must(m.operational.End(m.ctx, a.Ticket, town.Finished, "nothing to do", a.Agent.String(), m.now))
				return
			}
		}
	case "kill":
		if a := m.agent(t); a != nil {
			delete(m.sessions, a.Agent)
		}
	case "exit":
		if a := m.agent(t); a != nil {
			a.Ended = true
		}
	case "handoff":
		for _, a := range m.work().Assignments {
			if a.State == town.Working {
				_, err := m.operational.Renew(m.ctx, a.Ticket, operational.Renewal{Reason: "handed off"}, m.now)
				m.must(err)
				return
			}
		}
	case "open": // a person lets a blocked bead go on
		for _, bead := range m.beads {
			if m.get(bead).Status == town.StatusBlocked {
				_, err := m.ledger.Update(m.ctx, []ledger.Patch{{ID: bead, Status: new(town.StatusOpen)}})
				m.must(err)
				all, err := m.operational.Assignments(m.ctx, bead)
				m.must(err)
				m.freed[bead] = len(all)
			}
		}
	case "take":
		bead := rapid.SampledFrom(m.beads).Draw(t, "bead")
		if _, held := m.work().Holder(bead); !held && m.get(bead).Status == town.StatusOpen {
			_, err := m.ledger.Update(m.ctx, []ledger.Patch{{ID: bead, Assignee: new("ada")}})
			m.must(err)
		}
	case "full":
		m.full = !m.full
	case "later":
		m.now = m.now.Add(5 * time.Minute)
	case "long":
		m.now = m.now.Add(25 * time.Hour)
	}
}

// agent is a session that was handed its work; nil without one.
func (m *model) agent(t *rapid.T) *scene {
	var all []*scene
	for _, a := range m.work().Assignments {
		if s := m.sessions[a.Agent]; s != nil && a.State == town.Working && a.Run == s.Run {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return rapid.SampledFrom(all).Draw(t, "agent")
}

// pass assigns what waits, and lets sessions and ledger follow.
func (m *model) pass() {
	w := m.work()
	busy := map[town.Address]bool{}
	for _, q := range w.Queue {
		if _, held := w.Holder(q.Bead); held {
			continue
		}
		who := polecat.Pick("web", w.Agents, busy)
		busy[who] = true
		err := m.step(func() error {
			_, err := m.operational.Assign(m.ctx, operational.Order{Bead: q.Bead, Agent: who, Seq: q.Seq}, m.now)
			return err
		})
		if err != nil && !errors.Is(err, errCrash) {
			m.t.Fatal(err)
		}
	}
	done, err := m.controller().Pass(m.ctx)
	m.allowed(append(done.Failed, err)...)
}

func (m *model) patrol() Report {
	done, err := m.witness().Patrol(m.ctx)
	m.allowed(append(done.Failed, err)...)
	for _, a := range done.Actions {
		m.did[a.Deed]++
	}
	return done
}

// allowed fails for an error that is no accident of the test's.
func (m *model) allowed(errs ...error) {
	m.t.Helper()
	for _, err := range errs {
		if err != nil && !errors.Is(err, errCrash) && !errors.Is(err, errFull) {
			m.t.Fatal(err)
		}
	}
}

func (m *model) work() operational.Work {
	w, err := m.operational.Work(context.Background())
	m.must(err)
	return w
}

func (m *model) get(bead string) town.Bead {
	d, err := m.ledger.Get(context.Background(), []string{bead}, nil)
	m.must(err)
	return d[0].Bead
}

// check is what holds at every moment.
func (m *model) check(t *rapid.T) {
	w := m.work()
	for _, r := range w.Recoveries {
		if _, held := w.HeldBy(r.Agent); r.State == operational.RecoveryBegun && !held {
			t.Fatalf("a recovery of nobody: %+v", r)
		}
	}
	for _, text := range m.made {
		there := slices.Contains(m.saved, text)
		for _, b := range m.boxes {
			there = there || slices.Contains(b.files, text)
		}
		if !there {
			t.Fatalf("%s is lost", text)
		}
	}
	for _, bead := range m.beads {
		all, err := m.operational.Assignments(m.ctx, bead)
		m.must(err)
		lost := 0
		for _, a := range all[m.freed[bead]:] {
			if a.State == town.Returned || a.State == town.Stuck {
				lost++
			}
		}
		if lost > usual.Recoveries {
			t.Fatalf("%s lost %d workers: %+v", bead, lost, all)
		}
	}
}

// settle lets every agent hang, and time pass. Whatever happened before, each bead ends
// handed in, with a person, or blocked, of which a person was told.
func (m *model) settle(t *rapid.T) {
	m.full = false
	for _, s := range m.sessions {
		s.dialog = ""
	}
	for range modelEnd {
		m.now = m.now.Add(5 * time.Minute)
		m.pass()
		m.patrol()
		m.check(t)
	}
	w := m.work()
	if len(w.Queue) > 0 || len(m.sessions) > 0 {
		t.Fatalf("after all: %+v wait, the sessions %v", w.Queue, m.sessions)
	}
	for _, a := range w.Assignments {
		if a.State != town.Submitted || !a.Told {
			t.Fatalf("an assignment is left: %+v", a)
		}
	}
	raised, err := escalate.List(m.ctx, m.ledger, false, m.now)
	m.must(err)
	for _, bead := range m.beads {
		told := slices.ContainsFunc(raised, func(e escalate.Escalation) bool { return e.About == bead && e.Key == keyPrefix+"web/lost/"+bead })
		lost := slices.ContainsFunc(w.Recoveries, func(r operational.Recovery) bool { return r.Bead == bead })
		if blocked := m.get(bead).Status == town.StatusBlocked; blocked != told || blocked != lost {
			t.Fatalf("%s is blocked: %v, a person was told: %v, the recoveries are %+v", bead, blocked, told, w.Recoveries)
		}
	}
	if again := m.patrol(); len(again.Actions) > 0 {
		t.Fatalf("there is always something to do: %v", again.Actions)
	}
}

// Whatever people, agents and crashes do, nothing that was written is lost, a bead loses
// no more workers than it may, and in the end it is where somebody finds it.
func TestRandomHistories(t *testing.T) {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", fmt.Sprint(modelRuns)); err != nil {
			t.Fatal(err)
		}
	}
	did := map[Deed]int{}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "witness")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &model{world: newWorld(t, dir), ctx: context.Background(), freed: map[string]int{}, did: did}
		defer func() { m.must(m.operational.Close(), m.ledger.Close()) }()
		for n := range 4 {
			m.beads = append(m.beads, fmt.Sprint("web-", n))
			_, err := m.ledger.Create(m.ctx, []ledger.NewBead{{Bead: town.Bead{ID: m.beads[n], Title: "do it"}}})
			m.must(err)
		}
		for range modelSteps {
			m.act(rt)
			m.check(rt)
		}
		m.settle(rt)
	})
	for _, deed := range []Deed{Nudge, Recover, Requeue, Raise} {
		if did[deed] == 0 {
			t.Errorf("no patrol did %q: %v", deed, did)
		}
	}
	t.Log(did)
}
