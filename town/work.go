package town

import (
	"fmt"
)

// Run counts the sessions of an agent: each new session has the next number. The
// first is 1.
type Run int64

// Epoch numbers the assignments of a Town: each new one has the next number. The
// first is 1. Whoever knows an assignment's epoch can tell it from a later one of
// the same bead to the same agent.
type Epoch int64

// Ticket is what a worker shows to act on an assignment: it is refused once the
// assignment ended, or another session took it over.
type Ticket struct {
	Bead  string  `json:"bead"`
	Agent Address `json:"agent"`
	Run   Run     `json:"run"`
	Epoch Epoch   `json:"epoch"`
}

// Check reports whether every part of the ticket is valid.
func (t Ticket) Check() error {
	if err := CheckBeadID(t.Bead); err != nil {
		return err
	}
	if err := t.Agent.Check(); err != nil {
		return err
	}
	if t.Run < 1 || t.Epoch < 1 {
		return fmt.Errorf("%w: run %d and epoch %d of %s: both begin at 1", ErrUsage, t.Run, t.Epoch, t.Bead)
	}
	return nil
}

func (t Ticket) String() string {
	return fmt.Sprintf("%s, assigned to %s (epoch %d, run %d)", t.Bead, t.Agent, t.Epoch, t.Run)
}

// AgentState says what an agent does, as it was last seen.
type AgentState string

// The states of an agent.
const (
	// AgentIdle has no assignment.
	AgentIdle AgentState = "idle"
	// AgentWorking has an assignment, and there are signs of life, or its session
	// starts.
	AgentWorking AgentState = "working"
	// AgentWaiting has an assignment and waits for something that it cannot give
	// itself: a dialog, a login, a usage limit, an answer.
	AgentWaiting AgentState = "waiting"
	// AgentStalled has an assignment and a session in which nothing moves.
	AgentStalled AgentState = "stalled"
	// AgentZombie has a session without an assignment, or an assignment whose session
	// is gone.
	AgentZombie AgentState = "zombie"
)

// AgentStates lists every state in the order people are shown them.
var AgentStates = []AgentState{AgentIdle, AgentWorking, AgentWaiting, AgentStalled, AgentZombie}

// ParseAgentState accepts one of AgentStates.
func ParseAgentState(s string) (AgentState, error) {
	return ParseWord("state of an agent", s, AgentStates)
}

// AssignmentState says how far an assignment came.
type AssignmentState string

// The states of an assignment, in the order in which it can have them. In the first
// two it holds its bead and its agent, when submitted its bead alone, and in the
// others it has ended.
const (
	// Assigned: the row stands; the session starts.
	Assigned AssignmentState = "assigned"
	// Working: the session was handed its work.
	Working AssignmentState = "working"
	// Submitted: the change is at the remote and waits to be merged.
	Submitted AssignmentState = "submitted"
	// Landed: the change is on the target branch.
	Landed AssignmentState = "landed"
	// Finished: the work is done and changed no code.
	Finished AssignmentState = "finished"
	// Returned: the change could not be merged, or its worker was lost; the bead can
	// be assigned again.
	Returned AssignmentState = "returned"
	// Released: a person took the bead back.
	Released AssignmentState = "released"
	// Stuck: a person must look before the bead is assigned again.
	Stuck AssignmentState = "blocked"
)

// AssignmentStates lists every state in their order.
var AssignmentStates = []AssignmentState{Assigned, Working, Submitted, Landed, Finished, Returned, Released, Stuck}

// ParseAssignmentState accepts one of AssignmentStates.
func ParseAssignmentState(s string) (AssignmentState, error) {
	return ParseWord("state of an assignment", s, AssignmentStates)
}

// Held reports whether an assignment in this state holds its agent.
func (s AssignmentState) Held() bool { return s == Assigned || s == Working }

// Open reports whether an assignment in this state holds its bead.
func (s AssignmentState) Open() bool { return s.Held() || s == Submitted }
