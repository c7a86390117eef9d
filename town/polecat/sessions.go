package polecat

import (
	"context"
	"errors"
	"time"

	"gastown/planes/operational"
	"gastown/town"
)

// Sandboxes are the directories in which polecats work.
type Sandboxes interface {
	// Dir is where the sandbox of a polecat is, or will be.
	Dir(agent town.Address) (string, error)
	// Prepare makes the sandbox of a polecat ready: on a new branch from the newest
	// base. What was in it is saved first; if that fails, nothing is changed.
	Prepare(ctx context.Context, agent town.Address, branch string, usePool bool) error
	// Usable reports whether the sandbox of a polecat is there and a working tree of its
	// rig: whoever works in one can remove it, or put something else in its place.
	Usable(agent town.Address) (bool, error)
	// Save saves what is in the sandbox and nowhere else. ref says where; "" when there was
	// nothing. what says in one line what it is.
	Save(ctx context.Context, agent town.Address, why string) (ref, what string, err error)
	// Remove saves what is in the sandbox and then removes it. If it cannot be saved,
	// the sandbox stays. saved says where it was saved; "" for nothing. A sandbox that
	// is not there is no error.
	Remove(ctx context.Context, agent town.Address) (saved string, err error)
}

// Sessions are the sessions of the Town's agents.
type Sessions interface {
	// List returns those that there are. An error says that nobody knows.
	List(ctx context.Context) ([]Session, error)
	// Start starts a session, and does not wait until its agent is ready. It fails
	// with ErrRunning when the agent has one. When it fails there is no session.
	Start(ctx context.Context, s Start) (name string, err error)
	// Look looks at a session once, and answers a dialog of the start whose answer is
	// known. It fails with ErrNoSession when it is gone.
	Look(ctx context.Context, agent town.Address) (Look, error)
	// HandOver gives the session of an agent's run a text, once: the same text again does
	// only what is missing. Where the session is another run's nothing is typed, and
	// neither Taken nor Typed is set.
	HandOver(ctx context.Context, agent town.Address, run town.Run, text string) (Handed, error)
	// End ends the session with all its processes. One that is gone is no error.
	End(ctx context.Context, agent town.Address) error
}

// The errors of Sessions.
var (
	ErrRunning   = errors.New("the agent has a session already")
	ErrNoSession = errors.New("the agent has no session")
)

// Session is a session and its signs of life.
type Session struct {
	Agent town.Address
	// Run is the run it was started for, Name what it is called.
	Run  town.Run
	Name string
	// Program is what was started in it; "" when nobody knows.
	Program string
	// Ended says that its program has ended, with Status.
	Ended  bool
	Status int
	// Started is when it was made, Output when it last printed something.
	Started, Output time.Time
	// Attached counts the terminals that show it, Typed is when a person last typed.
	Attached int
	Typed    time.Time
}

// LastTyped is when a person who looks at the session last typed into it; zero while nobody
// looks.
func (s Session) LastTyped() time.Time {
	if s.Attached == 0 {
		return time.Time{}
	}
	return s.Typed
}

// Start says what session to start.
type Start struct {
	Ticket town.Ticket
	// Preset is the agent program; "" is the rig's or the Town's own.
	Preset string
	// Resume goes on with the agent's last conversation: with this one if it is known and
	// is one of the same program.
	Resume       bool
	Conversation town.Conversation
	Dir          string
	Branch       string
	// Prepare makes Dir ready; nil when it is. SpawnIn sets it.
	Prepare func(ctx context.Context) error
}

// Look is what a session shows.
type Look struct {
	// Ready says that the agent takes text now, Busy that it works.
	Ready, Busy bool
	// Waiting says what a person must do; "" for nothing.
	Waiting string
	// Ended says that the program has ended.
	Ended bool
}

// Handed says how far a text came.
type Handed struct {
	// Taken says that the agent took it. Typed says that it was typed and nobody
	// knows whether the agent took it: it is not handed over again.
	Taken, Typed bool
	// Final says that it will never be taken.
	Final bool
	Why   string
}

// Ledger is what the controller does to beads.
type Ledger interface {
	// Claim gives a bead to an agent and starts it. It fails with ErrNotFree when
	// somebody else has it, or when it is closed or gone.
	Claim(ctx context.Context, bead, agent string) error
	// Release opens a bead again and Block marks it as blocked, each only while the
	// agent has it, and with a reason as a comment of the agent's. They do nothing
	// otherwise. GiveBack does either and comments in somebody's name, once for each
	// merge request, whoever has the bead. Close closes it, whoever has it.
	Release(ctx context.Context, bead, agent, reason string) error
	Block(ctx context.Context, bead, agent, reason string) error
	GiveBack(ctx context.Context, bead, agent string, status town.Status, by, text string) error
	Close(ctx context.Context, bead, agent, reason string) error
	// Claims are the beads in progress that agents have, with the agent.
	Claims(ctx context.Context) (map[string]town.Address, error)
	// Beads are those of some ids that there are.
	Beads(ctx context.Context, ids []string) (map[string]Bead, error)
}

// Bead is what the controller knows of a bead.
type Bead struct {
	Title    string
	Status   town.Status
	Assignee string
	Priority int
}

// ErrNotFree reports a bead that an agent cannot have.
var ErrNotFree = errors.New("the bead is not free")

// Store is what the controller needs of the operational plane.
type Store interface {
	Work(ctx context.Context) (operational.Work, error)
	Merge(ctx context.Context, word string) (operational.MergeRequest, error)
	Watched(ctx context.Context) ([]operational.Watched, error)
	Conversation(ctx context.Context, t town.Ticket) (town.Conversation, error)
	Started(ctx context.Context, t town.Ticket, session, sandbox string, now time.Time) error
	Working(ctx context.Context, t town.Ticket, evidence string, now time.Time) error
	Renew(ctx context.Context, t town.Ticket, how operational.Renewal, now time.Time) (town.Ticket, error)
	End(ctx context.Context, t town.Ticket, how town.AssignmentState, reason, actor string, now time.Time) error
	GiveBack(ctx context.Context, t town.Ticket, l operational.Lost, now time.Time) (operational.Recovery, error)
	Told(ctx context.Context, epoch town.Epoch, state town.AssignmentState) (bool, error)
	Untold(ctx context.Context, epoch town.Epoch) error
	Failed(ctx context.Context, t town.Ticket, reason string, again func(tries int) time.Time) (int, error)
	Observe(ctx context.Context, list []operational.Observation, now time.Time) (int, error)
	Dismiss(ctx context.Context, address town.Address, now time.Time) error
}

var _ Store = (*operational.Store)(nil)
