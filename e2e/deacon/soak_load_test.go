package deacon

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gastown/deacon/control"
	"gastown/town/layout"
)

// editors are the roles that the Town and the other one edit.
var editors = [2]string{"mayor", "witness"}

const (
	// The pauses between two actions of a kind. The load is steady and leaves room
	// for the machine's other work.
	writePause = 400 * time.Millisecond
	beatPause  = time.Second
	editPause  = 2 * time.Second
	otherPause = 5 * time.Second
)

// load is all the work in the Town. Each worker holds the gate for reading while it
// works.
type load struct {
	t        *testing.T
	p, other *place
	cancel   context.CancelFunc
	all      sync.WaitGroup
	gate     sync.RWMutex
	closed   bool // the gate is closed; for the test's goroutine only

	// turbulent is odd while the Deacon is being killed, so that commands may be cut off.
	turbulent  atomic.Int64
	cut, beats atomic.Int64

	mu           sync.Mutex
	acknowledged map[string]string // bead by id
	edits        [2]int
}

func newLoad(t *testing.T, p, other *place) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: t, p: p, other: other, cancel: cancel, acknowledged: map[string]string{}}
	l.shut() // until the test has work for them
	for w := range writers {
		l.each(ctx, writePause, func(n int) { l.write(fmt.Sprintf("writer %d, bead %d", w, n)) })
	}
	client := control.NewClient(layout.Town{Root: p.Root}.ControlSocket())
	l.each(ctx, beatPause, func(n int) { l.beat(ctx, client, n) })
	l.each(ctx, editPause, func(int) { l.edit(0, func() error { return nil }) })
	l.each(ctx, otherPause, func(int) {
		l.edit(1, func() error { _, err := other.Try("gt", "--wait", "3m", "federation", "sync"); return err })
	})
	return l
}

// each repeats do until ctx ends.
func (l *load) each(ctx context.Context, pause time.Duration, do func(n int)) {
	l.all.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			l.gate.RLock()
			if ctx.Err() == nil {
				do(n)
			}
			l.gate.RUnlock()
		}
	})
}

// open lets the workers work; shut waits until they have finished and pauses them.
func (l *load) open() { l.gate.Unlock(); l.closed = false }
func (l *load) shut() { l.gate.Lock(); l.closed = true }

// end ends the workers and waits for them; a second call does nothing.
func (l *load) end() {
	l.cancel()
	if l.closed {
		l.open()
	}
	l.all.Wait()
}

// failed records an error, unless the Deacon was being killed at any time since before, which
// turbulent was when what failed began.
func (l *load) failed(before int64, err error) {
	if before%2 == 1 || l.turbulent.Load() != before {
		l.cut.Add(1)
		return
	}
	l.t.Error(err)
}

// write creates a bead. The change counts as acknowledged when the command exits
// with 0.
func (l *load) write(title string) {
	before := l.turbulent.Load()
	out, err := l.p.Try("bd", "--wait", "3m", "create", title, "--json")
	if err != nil {
		l.failed(before, err)
		return
	}
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.ID == "" {
		l.t.Errorf("bd create printed %q: %v", out, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged[made.ID] = title
}

// beat sends a heartbeat of every agent.
func (l *load) beat(ctx context.Context, client *control.Client, n int) {
	before := l.turbulent.Load()
	for a := range agents {
		h := control.Heartbeat{Agent: "rig/polecats/p" + itoa(a), State: "working", Note: "step " + itoa(n)}
		if err := client.Heartbeat(ctx, h); err != nil {
			if ctx.Err() == nil {
				l.failed(before, err)
			}
			return
		}
		l.beats.Add(1)
	}
}

// edit changes the file of a role and calls then.
func (l *load) edit(i int, then func() error) {
	before := l.turbulent.Load()
	l.mu.Lock()
	l.edits[i]++
	l.mu.Unlock()
	[]*place{l.p, l.other}[i].role(editors[i], l.said(i))
	if err := then(); err != nil {
		l.failed(before, err)
	}
}

// said is the text that an editor wrote last.
func (l *load) said(i int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("Edit %d.", l.edits[i])
}

func itoa(n int) string { return strconv.Itoa(n) }
