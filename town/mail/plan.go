package mail

import (
	"fmt"
	"strings"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

const (
	// typingTime is how long typing a nudge may take. A row that says longer that it
	// is being typed was left by somebody who died.
	typingTime = 2 * time.Minute
	// noticePause is the shortest time between two notices of mail to one agent.
	noticePause = time.Minute
	// noticeLife is how long a notice of mail waits to be typed.
	noticeLife = 24 * time.Hour
	// maxTries is how often a nudge is tried.
	maxTries = 100
	// firstPause follows the first try; each further pause is twice as long, up to
	// lastPause.
	firstPause = 2 * time.Second
	lastPause  = 30 * time.Second
)

// NudgeLife is how long a nudge waits to be typed unless its sender says otherwise.
const NudgeLife = 30 * time.Minute

// Snapshot is everything that Plan decides by.
type Snapshot struct {
	Now   time.Time
	Board operational.NudgeBoard
	// Sessions are the agents that have a session now, with its run.
	Sessions map[town.Address]town.Run
	// Unread are the mailboxes with unread mail.
	Unread []ledger.Mailbox
	// UnreadKnown says that Unread was read.
	UnreadKnown bool
}

// Do is what an Action does.
type Do string

// What there is to do.
const (
	// Type types a nudge into its session.
	Type Do = "type"
	// Expire ends a nudge that is not to be typed any more.
	Expire Do = "expire"
	// GiveUp ends a nudge that was tried too often.
	GiveUp Do = "give up"
	// Forget ends a nudge of which nobody knows whether it was typed.
	Forget Do = "forget"
	// Tell stores a notice of mail.
	Tell Do = "tell"
)

// Action is one thing to do. It counts only while its nudge is as it was planned from.
type Action struct {
	Do Do
	// Nudge is as it was seen; for Tell it is the nudge to store.
	Nudge operational.Nudge
	// Why is for the row.
	Why string
	// Newest is, for Tell, when the newest message was sent.
	Newest time.Time
}

// Plan decides what to do. It is a pure function. What it leaves out waits.
func Plan(s Snapshot) (actions []Action) {
	waits := map[town.Address]bool{}   // an older nudge of the agent comes first
	telling := map[town.Address]bool{} // a notice waits for the agent
	unread := map[string]ledger.Mailbox{}
	for _, w := range s.Unread {
		unread[w.Recipient] = w
	}
	for _, n := range s.Board.Open {
		_, has := unread[n.Agent.String()]
		read := n.Kind == operational.NudgeMail && s.UnreadKnown && !has
		act, why := decide(s, n, read)
		if act == Type && waits[n.Agent] {
			act = ""
		}
		if act == "" || act == Type {
			waits[n.Agent] = true
			telling[n.Agent] = telling[n.Agent] || n.Kind == operational.NudgeMail
		}
		if act != "" {
			actions = append(actions, Action{Do: act, Nudge: n, Why: why})
		}
	}
	noticed := map[town.Address]operational.Noticed{}
	for _, n := range s.Board.Noticed {
		noticed[n.Agent] = n
	}
	for _, w := range s.Unread {
		a, err := town.ParseAddress(w.Recipient)
		run, running := s.Sessions[a]
		if err != nil || !running || telling[a] {
			continue
		}
		if was, ok := noticed[a]; ok && (s.Now.Before(was.At.Add(noticePause)) || was.Run == run && !w.Newest.After(was.Newest)) {
			continue
		}
		actions = append(actions, Action{Do: Tell, Newest: w.Newest, Nudge: operational.Nudge{
			Agent: a, Run: run, Kind: operational.NudgeMail, From: "gt", Text: Notice(w), Expires: s.Now.Add(noticeLife),
		}})
	}
	return actions
}

// decide says what is to be done with one open nudge; "" for nothing now.
func decide(s Snapshot, n operational.Nudge, read bool) (Do, string) {
	if n.State == operational.NudgeTyping {
		if s.Now.Before(n.Changed.Add(typingTime)) {
			return "", ""
		}
		return Forget, "whoever typed it died meanwhile: look whether it arrived with gt peek " + n.Agent.String()
	}
	run, running := s.Sessions[n.Agent]
	switch {
	case !s.Now.Before(n.Expires):
		return Expire, "it could not be typed in time" + lastly(n)
	case read:
		return Expire, "the mail was read"
	case running && Stale(n, run):
		return Expire, fmt.Sprintf("it was for run %d of the agent, which now has run %d", n.Run, run)
	case !running || n.Run > run:
		return "", ""
	case n.Tries >= maxTries:
		return GiveUp, fmt.Sprintf("it was tried %d times%s", n.Tries, lastly(n))
	case n.Tries > 0 && s.Now.Before(n.Changed.Add(pause(n.Tries))):
		return "", ""
	}
	return Type, ""
}

// lastly adds what the last try found.
func lastly(n operational.Nudge) string {
	if n.Result == "" {
		return ""
	}
	return ": " + n.Result
}

// Stale reports whether a nudge is for an earlier session than the one that its agent
// has now. A nudge for run 0 was sent to an agent without a session and is for the next
// one, but not if the agent is a polecat: its next session has other work.
func Stale(n operational.Nudge, now town.Run) bool {
	return n.Run < now && (n.Run > 0 || n.Agent.Kind == town.Polecat)
}

// pause is how long a nudge waits after so many tries.
func pause(tries int) time.Duration {
	p := firstPause
	for range tries - 1 {
		if p *= 2; p >= lastPause {
			return lastPause
		}
	}
	return p
}

// Notice is what an agent is told of a mailbox. It holds nothing that a sender wrote.
func Notice(w ledger.Mailbox) string {
	what := "You have 1 unread message"
	if w.Unread != 1 {
		what = fmt.Sprintf("You have %d unread messages", w.Unread)
	}
	if w.Urgent > 0 {
		what += fmt.Sprintf(", %d urgent", w.Urgent)
	}
	return what + ". Read with: gt mail inbox --unread"
}

// Spoken is a nudge as it is typed: an agent learns who says it.
func Spoken(n operational.Nudge) string {
	if n.Kind == operational.NudgeMail {
		return n.Text
	}
	return "[" + strings.Join(strings.Fields(n.From), " ") + "] " + n.Text
}
