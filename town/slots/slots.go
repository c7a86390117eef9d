// Package slots lets at most so many processes of a Town do a thing at once. It
// is fair: who came first goes first. A slot is a lock of the kernel, so it is
// free again when its process ends, however it ends.
//
// Who finds no slot takes a ticket, a numbered file whose lock it holds while it
// waits; only the lowest living ticket may look for a slot. Numbers are given
// under a lock, the gate, that nobody holds while waiting.
package slots

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"gastown/town"
)

// defaultPoll is how often a waiting process looks.
const defaultPoll = 5 * time.Millisecond

const (
	gateName     = "gate.lock"
	counterName  = "counter"
	slotPrefix   = "slot-"
	ticketPrefix = "ticket-"
)

// Options say what is limited.
type Options struct {
	// Dir holds the locks; it is made if need be. Processes with one Dir share
	// its slots.
	Dir string
	// Limit is how many may hold a slot, at least 1. Processes may have
	// different limits: each looks at as many slots as its own.
	Limit int
	// Command is what others are told when they wait for this process.
	Command string
	// Waiting, if any, is called when there is no slot, and again when the place
	// in the queue changes.
	Waiting func(Wait)
}

// Wait says what a process waits for.
type Wait struct {
	// Ahead is how many came before and wait too.
	Ahead int
	// Limit is the number of slots; Holders say who has them, as far as known.
	Limit   int
	Holders []string
}

func (w Wait) String() string {
	s := fmt.Sprintf("all %d slots are taken", w.Limit)
	if len(w.Holders) > 0 {
		s += " by " + strings.Join(w.Holders, ", ")
	}
	if w.Ahead > 0 {
		s += fmt.Sprintf("; %d waiting before this one", w.Ahead)
	}
	return s
}

// Slot is held until Release.
type Slot struct{ lock *flock.Flock }

// Release frees the slot. It is safe to call once.
func (s *Slot) Release() error { return s.lock.Unlock() }

// Acquire waits for a slot until ctx ends; then it fails with town.ErrBusy and
// says who has the slots.
func Acquire(ctx context.Context, opts Options) (*Slot, error) {
	q := &queue{opts: opts}
	if q.opts.Limit < 1 {
		return nil, fmt.Errorf("take a slot: %w: the limit is %d", town.ErrUsage, opts.Limit)
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("take a slot: %w", err)
	}
	slot, ticket, err := q.enter(ctx)
	if err == nil && slot == nil {
		slot, err = q.wait(ctx, ticket)
	}
	if err == nil {
		return slot, nil
	}
	if ctx.Err() != nil {
		now, _ := q.look(0) // the error already says what matters
		return nil, town.Fail("take a slot", "wait for one of them, or raise the limit",
			"%w: %s: %w", town.ErrBusy, now, context.Cause(ctx))
	}
	return nil, fmt.Errorf("take a slot in %s: %w", opts.Dir, err)
}

type queue struct{ opts Options }

func (q *queue) path(name string) string { return filepath.Join(q.opts.Dir, name) }

func newLock(path string) *flock.Flock { return flock.New(path, flock.SetPermissions(0o600)) }

// enter takes a slot if nobody waits, and else a ticket.
func (q *queue) enter(ctx context.Context) (_ *Slot, _ *ticket, err error) {
	gate := newLock(q.path(gateName))
	if _, err := gate.TryLockContext(ctx, defaultPoll); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, gate.Unlock()) }()
	numbers, err := q.tickets()
	if err != nil {
		return nil, nil, err
	}
	waiting := false
	for _, n := range numbers {
		alive, err := q.alive(n)
		switch {
		case err != nil:
			return nil, nil, err
		case alive:
			waiting = true
		default: // its process ended without taking it back
			if err := os.Remove(q.path(ticketName(n))); err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, nil, err
			}
		}
	}
	if !waiting {
		if slot, err := q.try(); slot != nil || err != nil {
			return slot, nil, err
		}
	}
	t, err := q.take(numbers)
	return nil, t, err
}

// ticket is a place in the queue.
type ticket struct {
	number uint64
	lock   *flock.Flock
}

func ticketName(n uint64) string { return fmt.Sprintf("%s%020d", ticketPrefix, n) }

// take draws the next number. The caller holds the gate.
func (q *queue) take(numbers []uint64) (*ticket, error) {
	// A counter nobody can read is no reason to stop: numbers only have to grow.
	last, _ := os.ReadFile(q.path(counterName))
	n, _ := strconv.ParseUint(strings.TrimSpace(string(last)), 10, 64)
	if len(numbers) > 0 {
		n = max(n, numbers[len(numbers)-1])
	}
	n++
	if err := os.WriteFile(q.path(counterName), strconv.AppendUint(nil, n, 10), 0o600); err != nil {
		return nil, err
	}
	t := &ticket{number: n, lock: newLock(q.path(ticketName(n)))}
	if ok, err := t.lock.TryLock(); err != nil || !ok {
		return nil, errors.Join(err, fmt.Errorf("ticket %d is somebody else's", n))
	}
	return t, nil
}

// leave takes the ticket back.
func (q *queue) leave(t *ticket) error {
	return errors.Join(os.Remove(q.path(ticketName(t.number))), t.lock.Unlock())
}

// wait holds the ticket until it is the first and finds a slot.
func (q *queue) wait(ctx context.Context, t *ticket) (_ *Slot, err error) {
	defer func() { err = errors.Join(err, q.leave(t)) }()
	tick := time.NewTicker(defaultPoll)
	defer tick.Stop()
	told := -1
	for {
		ahead, err := q.ahead(t.number)
		if err != nil {
			return nil, err
		}
		if ahead == 0 {
			if slot, err := q.try(); slot != nil || err != nil {
				return slot, err
			}
		}
		if ahead != told && q.opts.Waiting != nil {
			told = ahead
			now, err := q.look(ahead)
			if err != nil {
				return nil, err
			}
			q.opts.Waiting(now)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// tickets lists the numbers drawn and not taken back, lowest first.
func (q *queue) tickets() ([]uint64, error) {
	entries, err := os.ReadDir(q.opts.Dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		if text, ok := strings.CutPrefix(e.Name(), ticketPrefix); ok {
			if n, err := strconv.ParseUint(text, 10, 64); err == nil {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// ahead counts the living tickets below a number.
func (q *queue) ahead(number uint64) (n int, err error) {
	numbers, err := q.tickets()
	if err != nil {
		return 0, err
	}
	for _, m := range numbers {
		if m >= number {
			break
		}
		alive, err := q.alive(m)
		if err != nil {
			return 0, err
		}
		if alive {
			n++
		}
	}
	return n, nil
}

// alive reports whether somebody holds a ticket.
func (q *queue) alive(number uint64) (bool, error) {
	// Opened for reading only: a ticket that was just taken back must not be
	// made again.
	l := flock.New(q.path(ticketName(number)), flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if free {
		return false, l.Unlock()
	}
	return true, l.Close()
}

// holder is what a process says of itself in its slot.
type holder struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// try takes any free slot; nil when there is none.
func (q *queue) try() (*Slot, error) {
	for i := range q.opts.Limit {
		path := q.path(slotPrefix + strconv.Itoa(i))
		lock := newLock(path)
		ok, err := lock.TryLock()
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		text, err := json.Marshal(holder{PID: os.Getpid(), Command: town.Clip(q.opts.Command, 80)})
		if err == nil {
			err = os.WriteFile(path, text, 0o600)
		}
		if err != nil {
			return nil, errors.Join(err, lock.Unlock())
		}
		return &Slot{lock: lock}, nil
	}
	return nil, nil
}

// look says who has the slots.
func (q *queue) look(ahead int) (Wait, error) {
	w := Wait{Ahead: ahead, Limit: q.opts.Limit}
	for i := range q.opts.Limit {
		text, err := os.ReadFile(q.path(slotPrefix + strconv.Itoa(i)))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return w, err
		}
		var h holder
		if json.Unmarshal(text, &h) == nil && h.PID > 0 {
			w.Holders = append(w.Holders, strings.TrimSpace(fmt.Sprintf("%s (process %d)", town.Clip(h.Command, 80), h.PID)))
		}
	}
	return w, nil
}
