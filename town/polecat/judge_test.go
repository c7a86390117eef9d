package polecat

import (
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town"
)

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

func assignment(state town.AssignmentState, age time.Duration) *operational.Assignment {
	return &operational.Assignment{
		Ticket: town.Ticket{Bead: "web-a", Agent: town.PolecatAddress("web", "nux"), Run: 2, Epoch: 1}, State: state, Told: true, Sessions: 1,
		At: noon.Add(-age), Changed: noon.Add(-age),
	}
}

// A polecat is taken for dead only when its session or its program is gone, and for
// stalled only when several signs say so.
func TestJudge(t *testing.T) {
	live := func(run town.Run, silent time.Duration) *Session {
		return &Session{Agent: town.PolecatAddress("web", "nux"), Run: run, Name: "web/polecats/nux", Output: noon.Add(-silent)}
	}
	ended := live(2, 0)
	ended.Ended, ended.Status = true, 3
	minute, hour := time.Minute, time.Hour
	typed := live(2, hour)
	typed.Attached, typed.Typed = 1, noon.Add(-minute)
	for what, c := range map[string]struct {
		assignment *operational.Assignment
		session    *Session
		recorded   string
		beat       time.Duration
		moved      time.Duration
		look       *Look
		want       town.AgentState
	}{
		"nothing":                           {want: town.AgentIdle},
		"a session without an assignment":   {session: live(2, 0), want: town.AgentZombie},
		"just assigned":                     {assignment: assignment(town.Assigned, minute), want: town.AgentWorking},
		"assigned long ago":                 {assignment: assignment(town.Assigned, hour), want: town.AgentStalled},
		"a session that is not ready":       {assignment: assignment(town.Assigned, minute), session: live(2, minute), recorded: "x", want: town.AgentWorking},
		"one that is never ready":           {assignment: assignment(town.Assigned, hour), session: live(2, 0), recorded: "x", want: town.AgentStalled},
		"one that was gone before its work": {assignment: assignment(town.Assigned, minute), recorded: "x", want: town.AgentZombie},
		"the session of a former run":       {assignment: assignment(town.Assigned, minute), session: live(1, 0), want: town.AgentWorking},
		"work":                              {assignment: assignment(town.Working, hour), session: live(2, minute), want: town.AgentWorking},
		"silent, with a heartbeat":          {assignment: assignment(town.Working, hour), session: live(2, hour), beat: minute, want: town.AgentWorking},
		"silent, without one":               {assignment: assignment(town.Working, hour), session: live(2, hour), beat: hour, want: town.AgentStalled},
		"silent, its sandbox changes":       {assignment: assignment(town.Working, hour), session: live(2, hour), moved: minute, want: town.AgentWorking},
		"silent, its sandbox changed once":  {assignment: assignment(town.Working, hour), session: live(2, hour), moved: hour, want: town.AgentStalled},
		"silent, a person types":            {assignment: assignment(town.Working, hour), session: typed, want: town.AgentWorking},
		"silent, just begun":                {assignment: assignment(town.Working, minute), session: live(2, hour), want: town.AgentWorking},
		"no session":                        {assignment: assignment(town.Working, minute), want: town.AgentZombie},
		"an ended program":                  {assignment: assignment(town.Working, minute), session: ended, want: town.AgentZombie},
		"one that ended while it was made":  {assignment: assignment(town.Assigned, minute), session: ended, want: town.AgentWorking},
		"one that ended before its work":    {assignment: assignment(town.Assigned, minute), session: ended, recorded: "x", want: town.AgentZombie},
		"a dialog":                          {assignment: assignment(town.Working, hour), session: live(2, hour), look: &Look{Waiting: "login"}, want: town.AgentWaiting},
	} {
		f := Facts{Now: noon, Assignment: c.assignment, Session: c.session, Look: c.look, Agent: operational.Agent{Session: c.recorded}}
		if c.beat > 0 {
			f.Agent.Beat = noon.Add(-c.beat)
		}
		if c.moved > 0 {
			f.Moved = noon.Add(-c.moved)
		}
		if got, why := Judge(f); got != c.want || why == "" {
			t.Errorf("%s: %s, %q, want %s", what, got, why, c.want)
		}
	}
}

// A program that never began is told from one that ended.
func TestEnded(t *testing.T) {
	for status, want := range map[int]string{
		0: "its program codex has ended with status 0", 3: "its program codex has ended with status 3", 125: "its program codex could not be started (status 125)",
		126: "its program codex could not be started (status 126)", 127: "its program codex was not found (status 127)",
	} {
		if got := Ended(Session{Program: "codex", Status: status}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := Ended(Session{Status: 1}); got != "its program has ended with status 1" {
		t.Errorf("without a name: %q", got)
	}
}

// A plan is decided by its snapshot alone, and does nothing about sessions that
// nobody could look at.
func TestPlanWithoutSessions(t *testing.T) {
	a := *assignment(town.Working, time.Hour)
	agent := operational.Agent{Address: a.Agent, State: town.AgentWorking, Run: 2, Session: "web/polecats/nux", Bead: a.Bead}
	s := Snapshot{Now: noon, Work: operational.Work{Agents: []operational.Agent{agent}, Assignments: []operational.Assignment{a}}, Unknown: ErrNoSession}
	if got := Plan(s); len(got) != 0 {
		t.Errorf("%v", got)
	}
	s.Unknown = nil
	for n := 1; n <= maxSessions; n++ {
		s.Work.Assignments[0].Sessions = n
		want := Restart
		if n == maxSessions {
			want = GiveBack
		}
		if got := Plan(s); len(got) != 2 || got[0].Deed != Note || got[1].Deed != want {
			t.Errorf("after %d sessions: %v", n, got)
		}
	}
	// The Witness goes on with a recovery that was begun.
	s.Work.Recoveries = []operational.Recovery{{Ticket: a.Ticket, State: operational.RecoveryBegun}}
	if got := Plan(s); len(got) != 1 || got[0].Deed != Note {
		t.Errorf("while its work is taken away: %v", got)
	}
}

func TestPlanMendsWhatACrashLeft(t *testing.T) {
	a := *assignment(town.Working, time.Minute)
	nux, me := a.Agent, a.Agent.String()
	session := Session{Agent: nux, Run: 2, Output: noon}
	agent := operational.Agent{Address: nux, State: town.AgentWorking, Run: 2, Session: "s", Bead: a.Bead}
	for what, c := range map[string]struct {
		change func(*Snapshot)
		want   Deed
	}{
		"nothing":                    {func(*Snapshot) {}, ""},
		"the ledger was not told":    {func(s *Snapshot) { s.Work.Assignments[0].Told = false }, Tell},
		"the ledger lost the claim":  {func(s *Snapshot) { s.Beads["web-a"] = Bead{Status: town.StatusOpen} }, Retell},
		"somebody else took it":      {func(s *Snapshot) { s.Beads["web-a"] = Bead{Status: town.StatusInProgress, Assignee: "ada"} }, Retell},
		"somebody closed it":         {func(s *Snapshot) { s.Beads["web-a"] = Bead{Status: town.StatusClosed, Assignee: "ada"} }, ""},
		"its agent blocked it":       {func(s *Snapshot) { s.Beads["web-a"] = Bead{Status: town.StatusBlocked, Assignee: me} }, ""},
		"a claim without assignment": {func(s *Snapshot) { s.Claims["web-b"] = nux }, Reopen},
		"a person's bead":            {func(s *Snapshot) { s.Claims["web-b"] = town.Address{Kind: town.Crew, Rig: "web", Name: "ann"} }, ""},
		"a session of a former run":  {func(s *Snapshot) { s.Sessions[0].Run = 1 }, EndSession},
		"assigned, no session": {func(s *Snapshot) {
			s.Work.Assignments[0].State, s.Work.Agents[0].Session, s.Sessions = town.Assigned, "", nil
		}, Spawn},
		"assigned, not recorded":       {func(s *Snapshot) { s.Work.Assignments[0].State, s.Work.Agents[0].Session = town.Assigned, "" }, Spawn},
		"assigned, the session stands": {func(s *Snapshot) { s.Work.Assignments[0].State = town.Assigned }, Brief},
		"a session without a row of it": {func(s *Snapshot) {
			s.Work.Assignments[0].State = town.Submitted
			s.Work.Agents[0].State = town.AgentZombie
		}, EndSession},
		"nobody begins before the ledger knows": {func(s *Snapshot) {
			s.Work.Assignments[0].State, s.Work.Assignments[0].Told, s.Work.Agents[0].Session, s.Sessions = town.Assigned, false, "", nil
		}, Tell},
	} {
		s := Snapshot{
			Now: noon, Work: operational.Work{Agents: []operational.Agent{agent}, Assignments: []operational.Assignment{a}},
			Sessions: []Session{session}, Claims: map[string]town.Address{"web-a": nux}, Beads: map[string]Bead{"web-a": {Status: town.StatusInProgress, Assignee: me}},
		}
		c.change(&s)
		got := Plan(s)
		switch {
		case c.want == "" && len(got) != 0, c.want != "" && (len(got) != 1 || got[0].Deed != c.want):
			t.Errorf("%s: %v, want %q", what, got, c.want)
		}
	}
}

func TestNamesArePickedOnce(t *testing.T) {
	busy := map[town.Address]bool{}
	crew := []operational.Agent{{Address: town.Address{Kind: town.Crew, Rig: "web", Name: "Amber"}}, {Address: town.PolecatAddress("api", "birch")}}
	for range 3*len(names) + 1 {
		a := Pick("web", crew, busy)
		if busy[a] || a.Check() != nil || a.Name == "amber" {
			t.Fatalf("%s", a)
		}
		busy[a] = true
	}
	idle := []operational.Agent{
		{Address: town.PolecatAddress("web", "wren"), State: town.AgentIdle, Since: noon},
		{Address: town.PolecatAddress("web", "moss"), State: town.AgentIdle, Since: noon.Add(-time.Hour)},
		{Address: town.PolecatAddress("web", "reed"), State: town.AgentZombie},
	}
	if a := Pick("web", idle, nil); a.Name != "moss" {
		t.Errorf("%s, not the one that was idle longest", a)
	}
	// Who never began comes after the others and after a new name, but not for ever.
	idle[1].Run = 3
	if a := Pick("web", idle, nil); a.Name != "wren" {
		t.Errorf("%s, whose last work never began", a)
	}
	idle[1].Sandbox = "/rigs/web/polecats/moss"
	if a := Pick("web", idle, nil); a.Name != "moss" {
		t.Errorf("%s, not the one that was idle longest", a)
	}
	idle[1].Sandbox = ""
	if a := Pick("web", idle[1:], nil); a.Name != "amber" {
		t.Errorf("%s, not a new name", a)
	}
	idle[0].Run = 1
	if a := Pick("web", idle, nil); a.Name != "moss" {
		t.Errorf("%s, where no polecat ever began", a)
	}
}

// What patrols saw of a sandbox counts for the run and the assignment that it was seen of.
func TestWatchedCounts(t *testing.T) {
	a := assignment(town.Working, time.Hour)
	seen := operational.Watched{Agent: a.Agent, Run: a.Run, Epoch: a.Epoch, Moved: noon.Add(-time.Minute)}
	former := seen
	former.Epoch++
	for what, c := range map[string]struct {
		watched []operational.Watched
		want    town.AgentState
	}{
		"nobody looked":      {nil, town.AgentStalled},
		"it changed":         {[]operational.Watched{seen}, town.AgentWorking},
		"of its former bead": {[]operational.Watched{former}, town.AgentStalled},
	} {
		got := town.AgentWorking
		for _, action := range Plan(Snapshot{
			Now: noon, Watched: c.watched, Sessions: []Session{{Agent: a.Agent, Run: a.Run, Output: noon.Add(-time.Hour)}},
			Work: operational.Work{Assignments: []operational.Assignment{*a}, Agents: []operational.Agent{{Address: a.Agent, Run: a.Run, State: town.AgentWorking, Session: "x"}}},
		}) {
			if action.Deed == Note {
				got = action.Seen.To
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
}
