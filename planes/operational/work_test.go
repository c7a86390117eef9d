package operational

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

var nux, ace = town.PolecatAddress("web", "nux"), town.PolecatAddress("web", "ace")

func waiting(beads ...string) (all []Waiting) {
	for _, b := range beads {
		all = append(all, Waiting{Bead: b, Rig: "web", Priority: 2, By: "ada"})
	}
	return all
}

func (s *Store) mustAssign(t *testing.T, bead string, agent town.Address) Assignment {
	t.Helper()
	a, err := s.Assign(t.Context(), Order{Bead: bead, Agent: agent, By: "ada"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (s *Store) mustWork(t *testing.T) Work {
	t.Helper()
	w, err := s.Work(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// kinds are the kinds of the feed's events.
func (s *Store) kinds(t *testing.T) string {
	t.Helper()
	p, err := s.FeedAfter(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range p.Entries {
		all = append(all, e.Kind)
	}
	return strings.Join(all, " ")
}

func mergeRequest() MergeRequest {
	return MergeRequest{Branch: "polecat/nux/web-a", Head: strings.Repeat("a", 40), Base: strings.Repeat("b", 40), Target: "main", Priority: 1}
}

// A bead's way from the queue to its end, as the rows show it.
func TestABeadsWay(t *testing.T) {
	s, dir := create(t)
	stored, err := s.Enqueue(t.Context(), []Waiting{{Bead: "web-a", Rig: "web", By: "ada", Options: town.Sling{Message: "it's \"odd\"; \n"}}}, 10, noon)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Assign(t.Context(), Order{Bead: "web-a", Agent: nux, Seq: stored[0].Seq}, noon)
	if err != nil || a.Run != 1 || a.Epoch != 1 || a.Options.Message != "it's \"odd\"; \n" || a.By != "ada" {
		t.Fatalf("%+v, %v", a, err)
	}
	if w := s.mustWork(t); len(w.Queue) != 0 || len(w.Assignments) != 1 || w.Agents[0].State != town.AgentWorking || w.Agents[0].Bead != "web-a" {
		t.Errorf("assigned: %+v", w)
	}
	if told, err := s.Told(t.Context(), a.Epoch, town.Assigned); err != nil || !told {
		t.Errorf("told: %v, %v", told, err)
	}
	err = errors.Join(s.Started(t.Context(), a.Ticket, "web-nux", "/town/rigs/web/polecats/nux", noon), s.Working(t.Context(), a.Ticket, "handed over", noon))
	if err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir)
	if err := s.Submit(t.Context(), a.Ticket, mergeRequest(), noon); err != nil {
		t.Fatal(err)
	}
	w := s.mustWork(t)
	if len(w.Merges) != 1 || w.Merges[0].Epoch != a.Epoch || w.Assignments[0].State != town.Submitted || w.Assignments[0].Told {
		t.Errorf("submitted: %+v", w)
	}
	// The session is not gone yet, so nothing else is given to the agent.
	if w.Agents[0].State != town.AgentZombie || w.Agents[0].Bead != "" {
		t.Errorf("submitted: %+v", w.Agents[0])
	}
	if _, err := s.Assign(t.Context(), Order{Bead: "web-b", Agent: nux}, noon); !errors.Is(err, ErrNotIdle) {
		t.Errorf("assigned while its session ends: %v", err)
	}
	n, err := s.Observe(t.Context(), []Observation{{Agent: nux, Run: 1, From: town.AgentZombie, To: town.AgentIdle, SessionGone: true}}, noon)
	if err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if err := s.Decide(t.Context(), a.Ticket, Verdict{State: MergeLanded, Landed: strings.Repeat("c", 40)}, "web/refinery", noon); err != nil {
		t.Error(err)
	}
	// It holds its bead until the ledger knows.
	if _, err := s.Assign(t.Context(), Order{Bead: "web-a", Agent: ace}, noon); !errors.As(err, new(*TakenError)) {
		t.Errorf("assigned before the ledger knows: %v", err)
	}
	if told, err := s.Told(t.Context(), a.Epoch, town.Submitted); err != nil || told {
		t.Errorf("told of a former state: %v, %v", told, err)
	}
	if told, err := s.Told(t.Context(), a.Epoch, town.Landed); err != nil || !told {
		t.Errorf("told: %v, %v", told, err)
	}
	if w := s.mustWork(t); len(w.Assignments)+len(w.Merges) != 0 {
		t.Errorf("landed: %+v", w)
	}
	if b := s.mustAssign(t, "web-a", nux); b.Epoch != 2 || b.Run != 2 {
		t.Errorf("assigned again: %+v", b)
	}
	want := "queue.added assignment.assigned agent.started assignment.working assignment.submitted agent.idle merge.landed assignment.landed assignment.assigned"
	if got := s.kinds(t); got != want {
		t.Errorf("the feed has %s", got)
	}
}

func TestABeadAndAnAgentAreGivenOnce(t *testing.T) {
	s, _ := create(t)
	a := s.mustAssign(t, "web-a", nux)
	var taken *TakenError
	if _, err := s.Assign(t.Context(), Order{Bead: "web-a", Agent: ace}, noon); !errors.As(err, &taken) || !errors.Is(err, town.ErrRefused) || taken.By.Ticket != a.Ticket {
		t.Errorf("the bead was given twice: %v", err)
	}
	if _, err := s.Assign(t.Context(), Order{Bead: "web-b", Agent: nux}, noon); !errors.Is(err, ErrNotIdle) {
		t.Errorf("the agent was given two beads: %v", err)
	}
	// The refusals left nothing behind, not even the agent that would be new.
	if w := s.mustWork(t); len(w.Agents) != 1 || s.kinds(t) != "assignment.assigned" {
		t.Errorf("%+v", w)
	}
	// The keys hold without the checks, too.
	for _, columns := range []string{"'web-a', NULL", "NULL, 'web/polecats/nux'"} {
		err := s.db.Write(t.Context(), func(tx *doltdb.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO assignments (epoch, bead, rig, agent, run, state, open_bead, open_agent, told, sessions, options, reason, asked_by, at, changed)"+
				" VALUES (99, 'web-z', 'web', 'web/polecats/zed', 1, 'assigned', "+columns+", FALSE, 1, '{}', '', '', ?, ?)", stamp(noon), stamp(noon))
			return err
		})
		if err == nil {
			t.Errorf("a second row with %s", columns)
		}
	}
}

func TestManyAssignAtOnce(t *testing.T) {
	s, _ := create(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for n := range 20 {
		group.Go(func() {
			_, err := s.Assign(t.Context(), Order{Bead: "web-a", Agent: town.PolecatAddress("web", fmt.Sprint("p", n))}, noon)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.As(err, new(*TakenError)) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if w := s.mustWork(t); won != 1 || len(w.Assignments) != 1 || len(w.Agents) != 1 {
		t.Errorf("%d won: %+v", won, w)
	}
}

func TestOldTicketsAreRefused(t *testing.T) {
	s, _ := create(t)
	first := s.mustAssign(t, "web-a", nux).Ticket
	second, err := s.Renew(t.Context(), first, Renewal{Reason: "handed off"}, noon)
	if err != nil || second.Run != 2 || second.Epoch != first.Epoch {
		t.Fatalf("%+v, %v", second, err)
	}
	refused := func(what string, old town.Ticket) {
		t.Helper()
		before := s.mustWork(t)
		_, renewed := s.Renew(t.Context(), old, Renewal{}, noon)
		for i, err := range []error{
			s.Started(t.Context(), old, "x", "y", noon), s.Working(t.Context(), old, "", noon), s.Submit(t.Context(), old, mergeRequest(), noon),
			s.End(t.Context(), old, town.Released, "", "", noon), renewed, s.Decide(t.Context(), old, Verdict{State: MergeLanded, Landed: strings.Repeat("c", 40)}, "", noon),
		} {
			if err == nil || old.Check() == nil && !errors.As(err, new(*StaleError)) {
				t.Errorf("%s: call %d: %v", what, i, err)
			}
		}
		if after := s.mustWork(t); fmt.Sprint(before) != fmt.Sprint(after) {
			t.Errorf("%s: something changed:\n%+v\n%+v", what, before, after)
		}
	}
	refused("a former run", first)
	for what, change := range map[string]func(*town.Ticket){
		"another bead":   func(x *town.Ticket) { x.Bead = "web-b" },
		"another agent":  func(x *town.Ticket) { x.Agent = ace },
		"a later run":    func(x *town.Ticket) { x.Run = 3 },
		"another epoch":  func(x *town.Ticket) { x.Epoch = 2 },
		"no epoch":       func(x *town.Ticket) { x.Epoch = 0 },
		"a hostile bead": func(x *town.Ticket) { x.Bead = "'; --" },
	} {
		old := second
		change(&old)
		refused(what, old)
	}
	if err := s.End(t.Context(), second, town.Returned, "lost", "gt", noon); err != nil {
		t.Fatal(err)
	}
	refused("one that ended", second)
	if _, err := s.Told(t.Context(), second.Epoch, town.Returned); err != nil {
		t.Fatal(err)
	}
	// A late word of the former worker does not touch the new one of the same name.
	third := s.mustAssign(t, "web-a", nux).Ticket
	refused("a former assignment of the same bead and agent", second)
	if err := s.End(t.Context(), third, town.Landed, "", "", noon); err == nil {
		t.Error("an assignment ended as landed without a merge request")
	}
}

func TestLimitsHoldInTheTransaction(t *testing.T) {
	s, _ := create(t)
	order := func(bead string, agent town.Address, l Limits) error {
		_, err := s.Assign(t.Context(), Order{Bead: bead, Agent: agent, Limits: l}, noon)
		return err
	}
	if err := order("web-a", nux, Limits{Starting: 1, Working: 2, PerRig: 1}); err != nil {
		t.Fatal(err)
	}
	api := town.PolecatAddress("api", "nux")
	for what, err := range map[string]error{
		"starting": order("web-b", api, Limits{Starting: 1}), "per rig": order("web-b", ace, Limits{PerRig: 1}), "working": order("web-b", api, Limits{Working: 1}),
	} {
		if !errors.Is(err, ErrLimit) || !errors.Is(err, town.ErrBusy) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := order("web-b", api, Limits{Starting: 2, Working: 2, PerRig: 1}); err != nil {
		t.Error(err)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	s, _ := create(t)
	if _, err := s.Enqueue(t.Context(), waiting("web-a", "web-b"), 3, noon); err != nil {
		t.Fatal(err)
	}
	var full *FullError
	if _, err := s.Enqueue(t.Context(), waiting("web-c", "web-d"), 3, noon); !errors.As(err, &full) || !errors.Is(err, town.ErrBusy) || full.Waiting != 2 {
		t.Errorf("too many were queued: %v", err)
	}
	var queued *QueuedError
	if _, err := s.Enqueue(t.Context(), waiting("web-c", "web-b"), 9, noon); !errors.As(err, &queued) || queued.Entry.Bead != "web-b" {
		t.Errorf("one was queued twice: %v", err)
	}
	if _, err := s.Enqueue(t.Context(), waiting("web-c", "web-c"), 9, noon); !errors.Is(err, town.ErrUsage) {
		t.Errorf("one was named twice: %v", err)
	}
	s.mustAssign(t, "web-z", nux)
	if _, err := s.Enqueue(t.Context(), waiting("web-c", "web-z"), 9, noon); !errors.As(err, new(*TakenError)) {
		t.Errorf("one that somebody has was queued: %v", err)
	}
	for _, bad := range []Waiting{{Bead: "a b", Rig: "web"}, {Bead: "web-c", Rig: "../web"}, {Bead: "web-c", Rig: "web", Options: town.Sling{Preset: "-x"}}} {
		if _, err := s.Enqueue(t.Context(), []Waiting{bad}, 9, noon); err == nil {
			t.Errorf("%+v was queued", bad)
		}
	}
	w := s.mustWork(t)
	if len(w.Queue) != 2 || w.Queue[0].Bead != "web-a" || w.Queue[1].Seq != 2 {
		t.Errorf("%+v", w.Queue)
	}
	// What was planned from an entry that is gone, or was made anew, is refused.
	gone, err := s.Unqueue(t.Context(), append(w.Queue[:1:1], Waiting{Bead: "web-b", Seq: 77}), "no longer wanted", "ada", noon)
	if err != nil || len(gone) != 1 || gone[0].Bead != "web-a" {
		t.Errorf("%+v, %v", gone, err)
	}
	if _, err := s.Enqueue(t.Context(), waiting("web-a"), 3, noon); err != nil {
		t.Error(err)
	}
	if _, err := s.Assign(t.Context(), Order{Bead: "web-a", Agent: ace, Seq: w.Queue[0].Seq}, noon); !errors.Is(err, ErrUnqueued) {
		t.Errorf("an old entry was assigned: %v", err)
	}
}

func TestObservationsNameWhatTheySaw(t *testing.T) {
	s, _ := create(t)
	a := s.mustAssign(t, "web-a", nux)
	see := func(run town.Run, from, to town.AgentState, gone bool) int {
		t.Helper()
		n, err := s.Observe(t.Context(), []Observation{{Agent: nux, Run: run, From: from, To: to, Evidence: "seen", SessionGone: gone}}, noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if see(0, town.AgentWorking, town.AgentStalled, false) != 0 || see(1, town.AgentIdle, town.AgentStalled, false) != 0 {
		t.Error("an old observation counted")
	}
	if see(1, town.AgentWorking, town.AgentIdle, true) != 0 {
		t.Error("an agent with an assignment became idle")
	}
	if see(1, town.AgentWorking, town.AgentWaiting, false) != 1 {
		t.Error("an observation did not count")
	}
	if w := s.mustWork(t); w.Agents[0].State != town.AgentWaiting || w.Agents[0].Evidence != "seen" || !w.Agents[0].Since.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v", w.Agents[0])
	}
	if err := errors.Join(s.Started(t.Context(), a.Ticket, "s", "d", noon), s.End(t.Context(), a.Ticket, town.Finished, "nothing to do", "nux", noon)); err != nil {
		t.Fatal(err)
	}
	if see(1, town.AgentZombie, town.AgentIdle, false) != 0 {
		t.Error("an agent with a session became idle")
	}
	if err := s.Dismiss(t.Context(), nux, noon); !errors.Is(err, town.ErrRefused) {
		t.Errorf("an agent with a session was removed: %v", err)
	}
}

// A change that fails in its last statement leaves nothing behind.
func TestAChangeThatFailsChangesNothing(t *testing.T) {
	s, _ := create(t)
	s.mustAssign(t, "web-a", nux)
	before := s.mustWork(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Assign(ctx, Order{Bead: "web-b", Agent: ace}, noon); err == nil {
		t.Error("a cancelled call was carried out")
	}
	if _, err := s.Enqueue(ctx, waiting("web-b"), 9, noon); err == nil {
		t.Error("a cancelled call was carried out")
	}
	if after := s.mustWork(t); fmt.Sprint(before) != fmt.Sprint(after) || s.kinds(t) != "assignment.assigned" {
		t.Errorf("%+v", after)
	}
}

// A row that another program spoilt is reported; the others are read.
func TestASpoiltRow(t *testing.T) {
	s, _ := create(t)
	s.mustAssign(t, "web-a", nux)
	s.mustAssign(t, "web-b", ace)
	if _, err := s.Enqueue(t.Context(), waiting("web-c", "web-d"), 9, noon); err != nil {
		t.Fatal(err)
	}
	err := s.db.Write(t.Context(), func(tx *doltdb.Tx) error {
		for _, q := range []string{
			"UPDATE assignments SET state = 'odd' WHERE epoch = 1", "UPDATE operational_state SET status = 'odd' WHERE agent = 'web/polecats/nux'",
			"UPDATE work_queue SET rig = '../..' WHERE bead = 'web-c'",
		} {
			if _, err := tx.Exec(t.Context(), q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w := s.mustWork(t)
	if len(w.Spoilt) != 3 || len(w.Agents) != 1 || len(w.Assignments) != 1 || len(w.Queue) != 1 {
		t.Errorf("%+v", w)
	}
}

// A plane that was made before this step opens, with what it holds.
func TestWorkInAPlaneOfTheFormerVersion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "operational")
	db, err := doltdb.CreateStore(t.Context(), options(dir), uuid, migrations[:3])
	if err != nil {
		t.Fatal(err)
	}
	former := &Store{db: db}
	if err := former.Record(t.Context(), Batch{Heartbeats: []Heartbeat{{Agent: nux.String(), At: noon}}, Entries: entries(1, 2)}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.mustAssign(t, "web-a", nux)
	if w := s.mustWork(t); !w.Agents[0].Beat.Equal(noon) || s.kinds(t) != "test test assignment.assigned" {
		t.Errorf("%+v", w)
	}
}
