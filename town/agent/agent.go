// Package agent starts the programs that agents are, hands text over to them and sees
// how they do. An agent is any command; a Preset says what is known of one.
//
// A Session is one run of one agent. It is a small interface: tmux is its first
// runtime (Tmux), and a program that speaks a protocol on its standard streams, or a
// session on another machine, fits behind it.
//
// What a session shows is judged by what is on its screen, and that is hostile: any
// program, page or file can print a prompt. So a dialog is answered only at the start,
// before the first text was handed over, and only with the answer that fits what is
// selected; and text handed over is never an answer to a dialog, nor a command of the
// program.
//
// Nobody is told that text arrived unless that was seen: see Handed. Nothing is retried
// by this package except pressing Enter, and that only while the composer still shows
// the very text that was pasted.
package agent

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNoSession: the agent has no session.
	ErrNoSession = errors.New("it has no session")
	// ErrRunning: the agent has a session already.
	ErrRunning = errors.New("it has a session already")
	// ErrFull: there are as many sessions as there may be.
	ErrFull = errors.New("there are as many sessions as tmux.max_sessions allows")
	// ErrNotReady: the agent did not become ready in time.
	ErrNotReady = errors.New("it did not become ready")
	// ErrOtherRun: the agent's session is that of another run than the text is for.
	ErrOtherRun = errors.New("its session is that of another run")
	// ErrEnded: the agent's program has ended.
	ErrEnded = errors.New("its program has ended")
)

// State is what a session's screen shows.
type State string

// The states of a session.
const (
	// Starting: nothing known is on the screen yet.
	Starting State = "starting"
	// Asking: a dialog of the start is open, which the preset can answer.
	Asking State = "asking"
	// Waiting: a person must act: a login, a usage limit, a question of the agent.
	Waiting State = "waiting"
	// Ready: the agent takes text now.
	Ready State = "ready"
	// Busy: the agent works.
	Busy State = "busy"
	// Ended: the program has ended; the screen shows its last words.
	Ended State = "ended"
)

// Session is one run of one agent.
type Session interface {
	// Settle looks once and, before the first text was handed over, answers a dialog
	// whose answer is known. A controller calls it at each pass; AwaitReady
	// does so until the agent is ready.
	Settle(ctx context.Context) (Look, error)
	// HandOver gives text to the agent as one message, and looks whether it was
	// taken. The error is nil when Handed says how far the text came.
	// It fails with ErrOtherRun, and types nothing, when the session is not that of the
	// run; run 0 is whichever it is.
	HandOver(ctx context.Context, run int64, text string) (Handed, error)
	// HandOverOnce is HandOver for a text that the session gets once. If it was typed
	// before, by somebody who was killed, only what is missing is done.
	HandOverOnce(ctx context.Context, run int64, text string) (Handed, error)
	// Look reads the screen with so many lines of what scrolled off it.
	Look(ctx context.Context, past int) (Look, error)
	// Signs are the signs of life. ErrNoSession when there is no session.
	Signs(ctx context.Context) (Signs, error)
	// End ends the session with every process it started. A session that is gone is
	// not an error.
	End(ctx context.Context) error
}

// Look is what a session shows in one moment.
type Look struct {
	State State `json:"state"`
	// Dialog names the preset's dialog or condition that is on the screen; "" for
	// none.
	Dialog string `json:"dialog,omitempty"`
	// Draft is text that stands in the composer and was not sent: a person's, or
	// what an earlier hand-over left.
	Draft string `json:"draft,omitempty"`
	// Lines are the screen's, without control characters. Lines of the past come
	// first.
	Lines []string `json:"lines"`
	// Begun says that text has been handed over since the agent was started.
	Begun bool  `json:"begun"`
	Signs Signs `json:"signs"`
	// keys answer the dialog. composer is how many of Lines are above the composer.
	keys     []string
	composer int
}

// Signs are the signs of life of a session. None of them alone proves that an agent
// works.
type Signs struct {
	// Agent is whose session it is, Run the number of the run, Preset what it was
	// started with.
	Agent  string `json:"agent"`
	Run    int64  `json:"run"`
	Preset string `json:"preset"`
	// Name is the session's name in tmux, which a person may have changed; ID is
	// tmux's own.
	Name string `json:"session"`
	ID   string `json:"id"`
	// PID is the program's process; Ended says that it has ended, with Status.
	PID    int  `json:"pid"`
	Ended  bool `json:"ended"`
	reaped bool // Status is known
	Status int  `json:"status,omitempty"`
	// Started is when the session was made, Output when it last printed something,
	// Typed when a person last typed into it or attached, each to the second.
	Started time.Time `json:"started"`
	Output  time.Time `json:"output"`
	Typed   time.Time `json:"typed"`
	// Attached counts the terminals that show it. Scrolled says that a person
	// scrolls in it.
	Attached int  `json:"attached"`
	Scrolled bool `json:"scrolled,omitempty"`
}

// Result says how far text came.
type Result string

// The results of a hand-over. Only Confirmed may be told as "sent".
const (
	// Confirmed: the text left the composer and the agent works on it.
	Confirmed Result = "confirmed"
	// Pasted: the text was typed into the terminal, and nothing proves that the
	// agent took it. It must not be handed over again before somebody has looked.
	Pasted Result = "pasted"
	// Queued: nothing was typed, because the agent cannot take it now; it is to be
	// handed over again later.
	Queued Result = "queued"
	// Refused: nothing was typed and nothing will be, for a reason that stays.
	Refused Result = "refused"
)

// Handed is what became of a text.
type Handed struct {
	Result Result `json:"result"`
	// Why explains every result but Confirmed.
	Why string `json:"why,omitempty"`
}
