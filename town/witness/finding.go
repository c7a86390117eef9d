package witness

import (
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/polecat"
	"gastown/town/process"
	"gastown/town/rig"
)

// Thresholds say how long a polecat may do what. docs/witness.md explains each.
type Thresholds struct {
	Start, Quiet, Idle, Silent, Computing, Progress, Waiting time.Duration
	// Nudges is how many nudges a polecat gets, NudgeInterval the time between two and
	// after the last one.
	Nudges        int
	NudgeInterval time.Duration
	// Recoveries is how many workers may be lost on a bead; with the last it is blocked.
	Recoveries int
	// Many is the number of stuck polecats of a rig above which they are one trouble.
	// Nothing is taken away from them for Hold longer then.
	Many int
	Hold time.Duration
}

// Verdict says how a polecat does.
type Verdict string

// The verdicts.
const (
	// Healthy: there are signs of life.
	Healthy Verdict = "healthy"
	// Starting: its session starts, or is tried again.
	Starting Verdict = "starting"
	// Waiting: its screen shows something that a person must answer.
	Waiting Verdict = "waiting"
	// Stalled: nothing moves, or nothing gets on.
	Stalled Verdict = "stalled"
	// Zombie: its session or its program is gone. package polecat starts another one.
	Zombie Verdict = "zombie"
	// Unsaid: its work seems done, and it did not say so.
	Unsaid Verdict = operational.VerdictUnsaid
	// Recovering: its work is being taken away.
	Recovering Verdict = "recovering"
)

// The causes of Stalled, Zombie and Unsaid. The cause of Waiting is the dialog's name.
const (
	CauseStart    = "never ready"
	CauseIdle     = "idle at its prompt"
	CauseSilent   = "silent"
	CauseProgress = "no progress"
	CauseGone     = "session gone"
	CauseCrash    = "program ended"
	CauseCommits  = "commits and a clean prompt"
	CausePushed   = "pushed and silent"
)

// Session is a session with its signs of life.
type Session struct {
	polecat.Session
	PID int
	// Screen is nil when nobody looked, Usage when nobody knows.
	Screen *Screen
	Usage  *process.Usage
}

// Screen is what a session shows.
type Screen struct {
	State  agent.State
	Dialog string
	// Prompt says that the agent's prompt is known, so Ready was seen.
	Prompt bool
	// Last is the last line with text.
	Last string
}

// Facts are what is known of one polecat at one moment.
type Facts struct {
	Now        time.Time
	Agent      operational.Agent
	Assignment operational.Assignment
	// Begun says that its recovery was begun.
	Begun bool
	// Before is what former patrols remember.
	Before operational.Watched
	// Session is nil when it has none.
	Session *Session
	// Lead is how far its branch is. Trace stands for what is in its sandbox; "" when
	// nobody looked.
	Lead  rig.Lead
	Trace string
}

// Finding is what a patrol thinks of one polecat.
type Finding struct {
	Agent    town.Address `json:"agent"`
	Bead     string       `json:"bead"`
	Verdict  Verdict      `json:"verdict"`
	Cause    string       `json:"cause,omitempty"`
	Evidence string       `json:"evidence"`
	Since    time.Time    `json:"since"`
	Nudges   int          `json:"nudges"`

	facts Facts
	row   operational.Watched
}

// Stuck reports whether the polecat does not get on by itself.
func (f Finding) Stuck() bool {
	return f.Verdict == Stalled || f.Verdict == Zombie || f.Verdict == Waiting
}
