package control

import (
	"fmt"
	"regexp"
	"time"
	"unicode"

	"gastown/town"
)

// Status is the state of a Deacon.
type Status struct {
	Version string `json:"version"`
	Town    string `json:"town"`
	Root    string `json:"root"`
	PID     int    `json:"pid"`
	User    string `json:"user"`
	// State is "running", "lending" or "stopping".
	State   string    `json:"state"`
	Started time.Time `json:"started"`
	Uptime  float64   `json:"uptime_seconds"`
	// HTTP is the address of the HTTP listener; empty for none.
	HTTP string `json:"http,omitempty"`
	// SQL is the socket on which it serves the planes; empty for none.
	SQL string `json:"sql,omitempty"`
	// Agents counts the agents with a recent heartbeat.
	Agents int     `json:"agents"`
	Health string  `json:"health"`
	Jobs   []Job   `json:"jobs"`
	Checks []Check `json:"checks"`
	// Problem is why the last reload was refused; empty when it succeeded.
	Problem string `json:"problem,omitempty"`
	// Pending are changed settings that take effect after a restart.
	Pending []string `json:"pending,omitempty"`
	// Unserved is why planes that were lent cannot be served again yet.
	Unserved string `json:"unserved,omitempty"`
}

// Job is the state of a job.
type Job struct {
	Name     string `json:"name"`
	Schedule string `json:"schedule"`
	Running  bool   `json:"running"`
	Stuck    bool   `json:"stuck,omitempty"`
	// Waiting says that the job waits because as many runs are under way as
	// allowed, or because what acts is held.
	Waiting  bool       `json:"waiting,omitempty"`
	Next     *time.Time `json:"next,omitempty"`
	Last     *Run       `json:"last,omitempty"`
	Failures int        `json:"failures"`
	Skipped  int        `json:"skipped,omitempty"`
}

// Run is the outcome of one run of a job.
type Run struct {
	Job     string    `json:"job"`
	Began   time.Time `json:"began"`
	Took    float64   `json:"took_seconds"`
	Outcome string    `json:"outcome"`
	Note    string    `json:"note,omitempty"`
	Error   string    `json:"error,omitempty"`
	Next    string    `json:"next,omitempty"`
}

// Check is the result of one check.
type Check struct {
	Name      string    `json:"name"`
	State     string    `json:"state"`
	Figure    string    `json:"figure"`
	Threshold string    `json:"threshold,omitempty"`
	Next      string    `json:"next,omitempty"`
	Details   []string  `json:"details,omitempty"`
	At        time.Time `json:"at"`
	// Since is when the state last changed.
	Since time.Time `json:"since,omitzero"`
}

// Ran is the answer to Client.Run: of a check or of a job.
type Ran struct {
	Checks []Check `json:"checks,omitempty"`
	Runs   []Run   `json:"runs,omitempty"`
}

// Heartbeat reports that an agent is alive.
type Heartbeat struct {
	// Agent is its address, such as web/polecats/nux.
	Agent string `json:"agent"`
	// State is one word: working, idle, stuck...
	State string `json:"state"`
	// Note is a line about the agent's work; may be empty.
	Note string `json:"note,omitempty"`
	// Run is the session that sends it; 0 when that is not known. One of a session
	// that is over is refused.
	Run int64 `json:"run,omitempty"`
}

const (
	maxState = 32
	maxNote  = 256
)

var statePattern = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// Validate returns why a heartbeat is invalid. The error wraps town.ErrUsage.
func (h Heartbeat) Validate() error {
	if _, err := town.ParseAddress(h.Agent); err != nil {
		return err
	}
	switch {
	case len(h.State) > maxState || !statePattern.MatchString(h.State):
		return fmt.Errorf("%w: %q is not a state of an agent", town.ErrUsage, town.Clip(h.State, 40))
	case h.Run < 0:
		return fmt.Errorf("%w: %d is not the number of a run", town.ErrUsage, h.Run)
	case len(h.Note) > maxNote:
		return fmt.Errorf("%w: a note of %d bytes, the limit is %d", town.ErrUsage, len(h.Note), maxNote)
	}
	for _, r := range h.Note {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return fmt.Errorf("%w: a note is one line of text", town.ErrUsage)
		}
	}
	return nil
}

// OldRun refuses a heartbeat of a session that is over.
func OldRun(h Heartbeat, now int64) error {
	return town.Fail("take a heartbeat of "+h.Agent, "this session is over: stop", "%w: run %d is over, now it is run %d", town.ErrRefused, h.Run, now)
}

// runRequest and failure are JSON bodies.
type runRequest struct {
	Name string `json:"name"`
}

// SyncRequest asks for a sync with one remote, or with all of them when it is "".
type SyncRequest struct {
	Remote string `json:"remote,omitempty"`
	// Wait asks for the outcome; without it the answer comes at once.
	Wait bool `json:"wait,omitempty"`
}

type failure struct {
	Error string `json:"error"`
	Next  string `json:"next,omitempty"`
	Kind  string `json:"kind,omitempty"`
}
