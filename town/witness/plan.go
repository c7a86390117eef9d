package witness

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/escalate"
	"gastown/town/polecat"
	"gastown/town/rig"
)

// Snapshot is everything that Plan decides from.
type Snapshot struct {
	Now time.Time
	Thresholds
	// Rigs are those that are patrolled.
	Rigs    []string
	Work    operational.Work
	Watched []operational.Watched
	// Sessions are those of agents; Unknown says why nobody knows them. Then nothing is
	// decided about polecats.
	Sessions map[town.Address]*Session
	Unknown  error
	// Leads are by rig and branch, Traces are of the sandboxes that were looked at.
	Leads  map[string]map[string]rig.Lead
	Traces map[town.Address]string
	// Beads are those of recoveries, as the ledger has them. Raised are the keys of the
	// open escalations of witnesses.
	Beads  map[string]polecat.Bead
	Raised []string
}

// Deed says what an action does.
type Deed string

// The deeds, in the order in which a patrol does them.
const (
	// Nudge types a line into a session.
	Nudge Deed = "nudge"
	// HandIn hands in the work of an agent that did not say that it is done; if that
	// cannot be, it does what Recover does.
	HandIn Deed = "hand in"
	// Recover ends a session, saves its work and gives the bead back.
	Recover Deed = "recover"
	// Requeue lets a bead that was given back wait for another worker.
	Requeue Deed = "queue again"
	// Leave notes that somebody else decided about such a bead.
	Leave Deed = "leave"
	// Free notes that a person let a blocked bead go on.
	Free Deed = "free"
	// Raise tells a person; Settle closes that when the trouble has gone.
	Raise  Deed = "tell a person"
	Settle Deed = "settle"
)

var deeds = []Deed{Nudge, HandIn, Recover, Requeue, Leave, Free, Raise, Settle}

// Action is one thing to do. It names the state it was planned from.
type Action struct {
	Deed  Deed         `json:"deed"`
	Agent town.Address `json:"agent,omitzero"`
	Bead  string       `json:"bead,omitempty"`
	Why   string       `json:"why"`
	// Ticket is that of the assignment that the action is about.
	Ticket *town.Ticket `json:"ticket,omitempty"`

	assignment operational.Assignment
	finding    Finding
	recovery   operational.Recovery
	priority   int
	trouble    escalate.Trouble
}

func (a Action) String() string {
	who := ""
	if a.Agent != (town.Address{}) {
		who = " " + a.Agent.String()
	}
	return strings.TrimSpace(fmt.Sprintf("%s%s %s", a.Deed, who, a.Bead)) + ": " + a.Why
}

// Findings judges every polecat of the rigs that has an assignment.
func Findings(s Snapshot) (all []Finding) {
	if s.Unknown != nil {
		return nil
	}
	before := map[town.Address]operational.Watched{}
	for _, w := range s.Watched {
		before[w.Agent] = w
	}
	for _, a := range s.Work.Assignments {
		if !a.State.Held() || a.Agent.Kind != town.Polecat || !slices.Contains(s.Rigs, a.Agent.Rig) {
			continue
		}
		who, _ := s.Work.Agent(a.Agent)
		all = append(all, Judge(Facts{
			Now: s.Now, Agent: who, Assignment: a, Begun: s.Work.Recovering(a.Epoch), Before: before[a.Agent], Session: s.Sessions[a.Agent],
			Lead: s.Leads[a.Agent.Rig][a.Agent.Branch(a.Bead)], Trace: s.Traces[a.Agent],
		}, s.Thresholds))
	}
	slices.SortFunc(all, func(a, b Finding) int { return strings.Compare(a.Agent.String(), b.Agent.String()) })
	return all
}

// Plan decides what to do about a snapshot and what was found in it. It reads nothing and
// changes nothing: the same snapshot gives the same actions in the same order.
func Plan(s Snapshot, findings []Finding) []Action {
	p := planner{Snapshot: s}
	stuck := map[string]int{}
	for _, f := range findings {
		if f.Stuck() {
			stuck[f.Agent.Rig]++
		}
	}
	for _, f := range findings {
		p.polecat(f, stuck[f.Agent.Rig] > s.Many)
	}
	p.recoveries()
	p.tell(p.troubles(findings))
	slices.SortStableFunc(p.actions, func(a, b Action) int {
		return cmp.Compare(slices.Index(deeds, a.Deed), slices.Index(deeds, b.Deed))
	})
	return p.actions
}

type planner struct {
	Snapshot
	actions []Action
}

// polecat decides about one polecat. many says that it is one of many that are stuck.
func (p *planner) polecat(f Finding, many bool) {
	a := f.facts.Assignment
	action := Action{Agent: f.Agent, Bead: f.Bead, Why: f.Evidence, Ticket: &a.Ticket, assignment: a, finding: f}
	due := f.Since // when something is taken away
	switch {
	case f.Verdict == Recovering:
		action.Deed = Recover
		p.actions = append(p.actions, action)
		return
	case f.Verdict == Waiting:
		due = due.Add(p.Waiting)
	case f.Verdict == Stalled && f.Cause == CauseStart:
		due = due.Add(p.NudgeInterval)
	case f.Verdict != Stalled && f.Verdict != Unsaid:
		return
	case f.row.Nudges < p.Nudges:
		if f.row.Nudged.IsZero() || p.Now.Sub(f.row.Nudged) >= p.NudgeInterval {
			action.Deed = Nudge
			p.actions = append(p.actions, action)
		}
		return
	case p.Nudges > 0:
		due = later(due, f.row.Nudged.Add(p.NudgeInterval))
	}
	if many {
		due = due.Add(p.Hold)
	}
	if p.Now.Before(due) {
		return
	}
	action.Deed = Recover
	if f.Verdict == Unsaid {
		action.Deed = HandIn
	}
	if f.row.Nudges > 0 {
		action.Why += fmt.Sprintf("; it was nudged %d time(s)", f.row.Nudges)
	}
	p.actions = append(p.actions, action)
}

// recoveries go on with what was given back.
func (p *planner) recoveries() {
	for _, r := range p.Work.Recoveries {
		if !slices.Contains(p.Rigs, r.Agent.Rig) || r.State == operational.RecoveryBegun {
			continue
		}
		if held, ok := p.Work.Holder(r.Bead); ok && held.Epoch == r.Epoch {
			continue // the ledger is not told yet
		}
		b, known := p.Beads[r.Bead]
		action := Action{Agent: r.Agent, Bead: r.Bead, Why: r.Why, recovery: r, priority: b.Priority}
		switch {
		case r.State == operational.RecoveryBlocked && known && b.Status == town.StatusBlocked:
			continue // see troubles
		case r.State == operational.RecoveryBlocked:
			action.Deed, action.Why = Free, "the bead is not blocked any more"
		case known && b.Status == town.StatusOpen && b.Assignee == "":
			action.Deed = Requeue
		default:
			action.Deed, action.Why = Leave, "somebody else decided about the bead"
		}
		p.actions = append(p.actions, action)
	}
}
