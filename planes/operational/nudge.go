package operational

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gastown/town"
)

// NudgeState says how far a nudge came.
type NudgeState string

// The states of a nudge. It leaves Queued only through Typing, or unread.
const (
	// NudgeQueued: it waits to be typed.
	NudgeQueued NudgeState = "queued"
	// NudgeTyping: it is being typed. The row is written before the first key.
	NudgeTyping NudgeState = "typing"
	// NudgeConfirmed: the agent was seen to take it.
	NudgeConfirmed NudgeState = "confirmed"
	// NudgePasted: it was typed, and nobody saw whether the agent took it.
	NudgePasted NudgeState = "pasted"
	// NudgeRefused: it was not typed and will not be.
	NudgeRefused NudgeState = "refused"
	// NudgeExpired: it was not typed in time, or its session has ended.
	NudgeExpired NudgeState = "expired"
	// NudgeUnknown: whoever typed it died meanwhile. It may or may not have arrived,
	// and is not typed again.
	NudgeUnknown NudgeState = "unknown"
)

// NudgeStates lists every state in the order people are shown them.
var NudgeStates = []NudgeState{NudgeQueued, NudgeTyping, NudgeConfirmed, NudgePasted, NudgeRefused, NudgeExpired, NudgeUnknown}

// Open reports whether something is still to be done.
func (s NudgeState) Open() bool { return s == NudgeQueued || s == NudgeTyping }

// NudgeKind says where a nudge comes from.
type NudgeKind string

// The kinds of nudges: a line that somebody wrote, and the notice of new mail.
const (
	NudgeLine NudgeKind = "line"
	NudgeMail NudgeKind = "mail"
)

const (
	// MaxNudge bounds the text of a nudge, in bytes.
	MaxNudge = 16 << 10
	// maxOpenNudges is how many nudges may wait for one agent.
	maxOpenNudges = 100
	maxResult     = 500 // bytes of Nudge.Result
	// nudgePrefix begins the kinds of the feed's events about nudges. The state
	// follows.
	nudgePrefix = "nudge."
	nudgeNumber = "nudge" // the counter of ids
)

// NudgeAdded is the kind of the feed's event about a new nudge.
const NudgeAdded = nudgePrefix + string(NudgeQueued)

// Nudge is a line that is to be typed into the session of an agent.
type Nudge struct {
	// ID is given when it is stored: later ones have higher numbers.
	ID    int64        `json:"id"`
	Agent town.Address `json:"agent"`
	// Run is the session it is for; 0 is the next session of an agent that has none.
	Run  town.Run  `json:"run"`
	Kind NudgeKind `json:"kind"`
	// From is who wrote it.
	From string `json:"from"`
	Text string `json:"text"`
	// State changes only as its constants say. Result explains it in one line.
	State  NudgeState `json:"state"`
	Result string     `json:"result,omitempty"`
	// Tries is how often somebody began to type it.
	Tries int `json:"tries"`
	// At is when it was stored, Changed when it came into its state. It is not typed
	// after Expires.
	At      time.Time `json:"at"`
	Changed time.Time `json:"changed"`
	Expires time.Time `json:"expires"`
}

// Check reports whether a new nudge can be stored. Anything else is ErrUsage.
func (n Nudge) Check() error {
	if err := n.Agent.Check(); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(n.Text) == "":
		return fmt.Errorf("%w: there is nothing to say", town.ErrUsage)
	case len(n.Text) > MaxNudge:
		return fmt.Errorf("%w: the text has %d bytes, more than %d: send it as mail", town.ErrUsage, len(n.Text), MaxNudge)
	case !utf8.ValidString(n.Text):
		return fmt.Errorf("%w: the text is not UTF-8", town.ErrUsage)
	case n.Run < 0 || n.Kind != NudgeLine && n.Kind != NudgeMail:
		return fmt.Errorf("%w: run %d, kind %q", town.ErrUsage, n.Run, town.Clip(string(n.Kind), 20))
	}
	return nil
}

const nudgeColumns = "id, agent, run, kind, sender, text, state, tries, result, at, expires, changed"

func scanNudge(rows interface{ Scan(...any) error }) (n Nudge, err error) {
	var address string
	if err := rows.Scan(&n.ID, &address, &n.Run, &n.Kind, &n.From, &n.Text, &n.State, &n.Tries, &n.Result, &n.At, &n.Expires, &n.Changed); err != nil {
		return n, err
	}
	n.At, n.Expires, n.Changed = n.At.UTC(), n.Expires.UTC(), n.Changed.UTC()
	if n.Agent, err = town.ParseAddress(address); err != nil {
		return n, spoilt{fmt.Errorf("nudge %d: %w", n.ID, err)}
	}
	return n, nil
}

// nudgeEvent is the event that a nudge came into its state.
func nudgeEvent(n Nudge) Entry {
	return Entry{
		At: n.Changed, Kind: nudgePrefix + string(n.State), Subject: n.Agent.String(), Actor: n.From, Detail: n.Result,
		Data: data("nudge", strconv.FormatInt(n.ID, 10), "run", strconv.FormatInt(int64(n.Run), 10), "kind", string(n.Kind)),
	}
}
