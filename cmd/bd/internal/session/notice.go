package session

import (
	"sync"
	"time"

	"gastown/cmd/internal/shell"
)

// notice tells a person what the command waits for, once the wait has taken some
// time. Its owner stops it.
type notice struct {
	say   func(text string)
	after time.Duration

	mu    sync.Mutex
	timer *time.Timer
	text  string // "" while there is nothing to tell
	due   bool   // the time has passed
	over  bool   // stopped
}

// newNotice begins a wait that is told after some time.
func newNotice(call *shell.Call, what string, after time.Duration) *notice {
	return startNotice(after, func(text string) { call.Hint("%s: %s", what, text) })
}

func startNotice(after time.Duration, say func(text string)) *notice {
	n := &notice{say: say, after: after}
	n.mu.Lock() // the timer may fire before it is assigned
	defer n.mu.Unlock()
	n.timer = time.AfterFunc(after, n.timeUp)
	return n
}

// tell sets what the command waits for now, and says it if the time has passed.
func (n *notice) tell(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.text = text; n.due && !n.over {
		n.say(text)
	}
}

// begin starts another wait, told as text unless tell says more by then.
func (n *notice) begin(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text, n.due = text, false
	n.timer.Reset(n.after)
}

// end ends one wait; there is nothing to tell until the next begins.
func (n *notice) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = ""
}

func (n *notice) timeUp() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.due = true; n.text != "" && !n.over {
		n.say(n.text)
	}
}

// stop ends the notice. When it returns nothing is being written, and nothing
// will be.
func (n *notice) stop() {
	n.timer.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over = true
}
