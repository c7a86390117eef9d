package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/slots"
)

// slotsName is where the places for bd processes are, and limitKey the setting
// that says how many there are.
const (
	slotsName = "bd"
	limitKey  = "bd.max_concurrent"
)

// defaultPatience is how long bd waits for a place before it says what for: most
// waits are over sooner, and are nobody's business.
const defaultPatience = 200 * time.Millisecond

// enter takes one of the Town's places for bd processes. Who has to wait is told
// what for.
func enter(ctx context.Context, call *shell.Call, t layout.Town, cfg *config.Config) (leave func() error, err error) {
	if call.Resident != nil {
		return func() error { return nil }, nil // the Deacon bounds commands itself
	}
	limit, err := cfg.Int(limitKey)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, call.Wait)
	defer cancel()
	n := patience(call, "bd waits for others", defaultPatience)
	defer n.stop()
	slot, err := slots.Acquire(waiting, slots.Options{Dir: t.Slots(slotsName), Limit: limit, Command: call.Name,
		Waiting: func(w slots.Wait) { n.tell(waitText(w)) }})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return slot.Release, nil
}

// waitText names the first of those who are at work.
func waitText(w slots.Wait) string {
	text := fmt.Sprintf("at most %d work at once", w.Limit)
	if len(w.Holders) > 0 {
		text += ", now " + strings.Join(w.Holders[:1], ", ")
		if len(w.Holders) > 1 {
			text += fmt.Sprintf(" and %d more", len(w.Holders)-1)
		}
	}
	if w.Ahead > 0 {
		text += fmt.Sprintf("; %d came before", w.Ahead)
	}
	return text
}

// notice tells what is waited for, once that has taken some time.
type notice struct {
	mu    sync.Mutex
	timer *time.Timer
	text  string
	late  bool
	over  bool
	after time.Duration
	say   func(text string)
}

// patience is a notice of what bd waits for, after some time. Its owner stops it.
func patience(call *shell.Call, what string, after time.Duration) *notice {
	n := &notice{after: after, say: func(text string) { call.Hint("%s: %s", what, text) }}
	n.mu.Lock() // until there is a timer
	defer n.mu.Unlock()
	n.timer = time.AfterFunc(after, n.due)
	return n
}

// tell is called when there is something new to say.
func (n *notice) tell(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.text = text; n.late && !n.over {
		n.say(text)
	}
}

// begin is called when a new wait begins, with what to say if nothing else is
// told before patience is over.
func (n *notice) begin(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text, n.late = text, false
	n.timer.Reset(n.after)
}

// hush forgets what was to be said: this wait is over.
func (n *notice) hush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = ""
}

// due is called when patience is over.
func (n *notice) due() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.late = true; n.text != "" && !n.over {
		n.say(n.text)
	}
}

// stop says nothing any more; when it returns nobody is writing.
func (n *notice) stop() {
	n.timer.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over = true
}
