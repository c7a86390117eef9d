package polecat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/town"
)

// maxSessions is how many sessions in a row an assignment may lose before its bead
// is returned.
const maxSessions = 2

// A session that cannot be started, or does not take its work, is tried again: after
// firstAgain, then after twice as long each time, up to mostAgain. After maxTries its
// bead is returned.
const (
	maxTries   = 5
	firstAgain = 30 * time.Second
	mostAgain  = 10 * time.Minute
)

// again is how long to wait after so many tries.
func again(tries int) time.Duration {
	wait := firstAgain
	for ; tries > 1 && wait < mostAgain; tries-- {
		wait *= 2
	}
	return min(wait, mostAgain)
}

// Snapshot is everything that Plan decides from.
type Snapshot struct {
	Now      time.Time
	Patience Patience
	// Claims are the beads in progress that agents have in the ledger. They are read
	// before Work, so a claim without an assignment is a leftover, not a claim whose
	// assignment was not seen. nil when the ledger was not read.
	Claims map[string]town.Address
	Work   operational.Work
	// Watched is what patrols remember of polecats.
	Watched []operational.Watched
	// Beads are those that Work's assignments hold, as the ledger has them after Work
	// was read. One that is not there is not known to the ledger.
	Beads map[string]Bead
	// Sessions are those of agents; Unknown says why nobody knows them. Nothing is
	// decided about sessions then.
	Sessions []Session
	Unknown  error
	// Looks are what some sessions show.
	Looks map[town.Address]Look
}

// Deed says what an action does.
type Deed string

// The deeds, in the order in which a pass does them.
const (
	// Tell tells the ledger of an assignment's state.
	Tell Deed = "tell the ledger"
	// Retell lets the ledger be told again, because it says something else.
	Retell Deed = "tell the ledger again"
	// Reopen opens a bead that an agent has in the ledger without an assignment.
	Reopen Deed = "reopen"
	// EndSession ends a session of a run that is over.
	EndSession Deed = "end the session"
	// Note records what an agent does.
	Note Deed = "note"
	// Restart begins another session for an assignment whose session is gone.
	Restart Deed = "restart"
	// Return gives back the bead of an assignment that cannot begin.
	Return Deed = "return"
	// GiveBack gives back the bead of an assignment whose worker was lost twice.
	GiveBack Deed = "give back"
	// Spawn prepares a sandbox and starts a session.
	Spawn Deed = "spawn"
	// Brief hands a polecat its work.
	Brief Deed = "hand over"
)

// deeds are all of them, in their order.
var deeds = []Deed{Tell, Retell, Reopen, EndSession, Note, Restart, Return, GiveBack, Spawn, Brief}

// Action is one thing to do. It names the state it was planned from.
type Action struct {
	Deed  Deed
	Agent town.Address
	Bead  string
	// Assignment is the one that the action is about, as it was; the zero value for
	// none.
	Assignment operational.Assignment
	// Run is the run of the session to end, or that the agent had.
	Run town.Run
	// Seen is what Note records.
	Seen operational.Observation
	Why  string
}

func (a Action) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", a.Deed, a.Agent, a.Bead))
}

// Plan decides what to do. It reads nothing and changes nothing: the same snapshot
// gives the same actions in the same order.
func Plan(s Snapshot) []Action {
	p := planner{Snapshot: s, sessions: map[town.Address]*Session{}}
	for i := range s.Sessions {
		p.sessions[s.Sessions[i].Agent] = &s.Sessions[i]
	}
	for _, a := range s.Work.Assignments {
		p.ledger(a)
	}
	p.leftovers()
	for _, a := range s.Work.Agents {
		if a.Address.Kind == town.Polecat && s.Unknown == nil {
			p.agent(a)
		}
	}
	slices.SortStableFunc(p.actions, func(a, b Action) int {
		return cmp.Compare(slices.Index(deeds, a.Deed), slices.Index(deeds, b.Deed))
	})
	return p.actions
}

type planner struct {
	Snapshot
	sessions map[town.Address]*Session
	actions  []Action
}

func (p *planner) add(a Action) { p.actions = append(p.actions, a) }

// ledger makes the ledger follow an assignment.
func (p *planner) ledger(a operational.Assignment) {
	action := Action{Deed: Tell, Agent: a.Agent, Bead: a.Bead, Assignment: a}
	if !a.Told {
		p.add(action)
		return
	}
	b, known := p.Beads[a.Bead]
	if known && a.State.Held() && b.Status != town.StatusClosed && (b.Assignee != a.Agent.String() || b.Status == town.StatusOpen) {
		action.Deed, action.Why = Retell, fmt.Sprintf("the ledger has it %s for %q", b.Status, b.Assignee)
		p.add(action)
	}
}

// leftovers finds beads that agents have in the ledger and in no assignment.
func (p *planner) leftovers() {
	for bead, who := range p.Claims {
		if _, held := p.Work.Holder(bead); !held && who.Kind == town.Polecat {
			p.add(Action{Deed: Reopen, Agent: who, Bead: bead, Why: "its worker has no assignment"})
		}
	}
	slices.SortFunc(p.actions, func(a, b Action) int {
		return cmp.Or(cmp.Compare(a.Assignment.Epoch, b.Assignment.Epoch), cmp.Compare(a.Bead, b.Bead))
	})
}

// agent makes a polecat's session follow its assignment.
func (p *planner) agent(a operational.Agent) {
	f := Facts{Now: p.Now, Patience: p.Patience, Agent: a, Session: p.sessions[a.Address]}
	if look, ok := p.Looks[a.Address]; ok {
		f.Look = &look
	}
	held, has := p.Work.HeldBy(a.Address)
	if has {
		f.Assignment = &held
		for _, w := range p.Watched {
			if w.Agent == a.Address && w.Run == held.Run && w.Epoch == held.Epoch {
				f.Moved = w.Moved
			}
		}
	}
	state, evidence := Judge(f)
	p.note(a, f, state, evidence)
	action := Action{Agent: a.Address, Bead: held.Bead, Assignment: held, Run: a.Run, Why: evidence}
	switch {
	case f.Session != nil && (!has || f.Session.Run != held.Run):
		action.Deed, action.Run = EndSession, f.Session.Run
	case !has, p.Work.Recovering(held.Epoch):
		return // the Witness goes on with what it began
	case held.State == town.Assigned && !held.Told:
		return // nobody starts before the ledger knows
	case held.Trouble != nil && held.Trouble.Tries >= maxTries && held.State == town.Assigned:
		action.Deed, action.Why = Return, fmt.Sprintf("it was tried %d times: %s", held.Trouble.Tries, held.Trouble.Reason)
	case state == town.AgentZombie && held.Sessions >= maxSessions:
		action.Deed, action.Why = GiveBack, "its worker was lost twice: "+evidence
	case state == town.AgentZombie:
		action.Deed = Restart
	case held.Trouble != nil && p.Now.Before(held.Trouble.Again):
		return
	case held.State == town.Assigned && f.Session == nil, held.State == town.Assigned && a.Session == "":
		action.Deed = Spawn
	case held.State == town.Assigned:
		action.Deed = Brief
	default:
		return
	}
	p.add(action)
}

// note records a state that is another one than the row's, or has other evidence.
func (p *planner) note(a operational.Agent, f Facts, state town.AgentState, evidence string) {
	gone := f.Session == nil && a.Session != "" && f.Assignment == nil
	if state == a.State && !gone {
		return
	}
	p.add(Action{Deed: Note, Agent: a.Address, Run: a.Run, Seen: operational.Observation{
		Agent: a.Address, Run: a.Run, From: a.State, To: state, Evidence: evidence, SessionGone: f.Session == nil && f.Assignment == nil,
	}})
}
