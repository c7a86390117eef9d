package session

import (
	"sync"
	"time"

	"gastown/cmd/internal/shell"
)

// notice tells a person what the command waits for, once the wait has taken some
// time. Its owner stops it.
type notice struct {
	say func(text string)

	mu      sync.Mutex
	timer   *time.Timer
	text    string // "" while there is nothing to tell
	due     bool   // the wait has taken long enough to be told
	stopped bool
}

// newNotice returns the notice of a wait that began now and is told after some
// time. what begins each line.
func newNotice(call *shell.Call, what string, after time.Duration) *notice {
	return startNotice(after, func(text string) { call.Hint("%s: %s", what, text) })
}

func startNotice(after time.Duration, say func(text string)) *notice {
	n := &notice{say: say}
	n.mu.Lock() // the timer may fire before it is assigned
	defer n.mu.Unlock()
	n.timer = time.AfterFunc(after, n.timeUp)
	return n
}

// tell sets what the command waits for now, and says it if the wait has taken long
// enough.
func (n *notice) tell(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.text = text; n.due && !n.stopped {
		n.say(text)
	}
}

func (n *notice) timeUp() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.due = true; n.text != "" && !n.stopped {
		n.say(n.text)
	}
}

// stop ends the notice. When it returns, nothing is being written, and nothing
// will be.
func (n *notice) stop() {
	n.timer.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = true
}
