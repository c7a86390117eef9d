// Package slots limits how many processes of a Town do a thing at the same time.
// It serves processes in the order in which they came. A slot is a lock of the
// kernel, so it is free again when its process ends, however it ends.
//
// A process that finds no slot takes a ticket: a numbered file whose lock it
// holds while it waits. Only the lowest ticket that is held may look for a slot.
// Numbers are drawn under a lock, the gate, that no process holds while it waits.
package slots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/town"
	"gastown/town/lockfile"
)

// defaultPoll is how often a waiting process looks.
const defaultPoll = 5 * time.Millisecond

const (
	gateName     = "gate.lock"
	counterName  = "counter"
	slotPrefix   = "slot-"
	ticketPrefix = "ticket-"
)

// Options describe a set of slots.
type Options struct {
	// Dir holds the locks; Acquire makes it when it is missing. Processes with
	// the same Dir share its slots.
	Dir string
	// Limit is how many processes may hold a slot, at least 1. Processes may have
	// different limits: each uses as many slots as its own limit says.
	Limit int
	// Command names this process to others that wait for it.
	Command string
	// Waiting, if any, is called when there is no free slot, and again whenever
	// the place in the queue changes.
	Waiting func(Wait)
}

// Wait describes what a process waits for.
type Wait struct {
	// Ahead is how many processes came before and still wait.
	Ahead int
	// Limit is the number of slots. Holders say who has them, as far as known.
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
type Slot struct{ lock *lockfile.Lock }

// Release frees the slot. It is safe to call once.
func (s *Slot) Release() error { return s.lock.Release() }

// Acquire waits for a slot until ctx ends. Then it fails with town.ErrBusy and
// names the holders.
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
		return nil, town.Fail("take a slot", "wait for one of them, or raise the limit",
			"%w: %s: %w", town.ErrBusy, q.look(0), context.Cause(ctx))
	}
	return nil, fmt.Errorf("take a slot in %s: %w", opts.Dir, err)
}

type queue struct{ opts Options }

func (q *queue) path(name string) string { return filepath.Join(q.opts.Dir, name) }

// enter takes a slot when no process waits, else a ticket.
func (q *queue) enter(ctx context.Context) (_ *Slot, _ *ticket, err error) {
	gate, err := lockfile.Acquire(ctx, q.path(gateName), lockfile.Options{Command: q.opts.Command, Wait: -1, Poll: defaultPoll})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, gate.Release()) }()
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
		default: // its process ended without removing it
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
	lock   *lockfile.Lock
}

func ticketName(n uint64) string { return fmt.Sprintf("%s%020d", ticketPrefix, n) }

// take draws the next number. The caller holds the gate.
func (q *queue) take(numbers []uint64) (*ticket, error) {
	// An unreadable counter does no harm: numbers only have to grow.
	last, _ := os.ReadFile(q.path(counterName))
	n, _ := strconv.ParseUint(strings.TrimSpace(string(last)), 10, 64)
	if len(numbers) > 0 {
		n = max(n, numbers[len(numbers)-1])
	}
	n++
	if err := os.WriteFile(q.path(counterName), strconv.AppendUint(nil, n, 10), 0o600); err != nil {
		return nil, err
	}
	lock, err := lockfile.Try(q.path(ticketName(n)), q.opts.Command)
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, fmt.Errorf("another process has ticket %d", n)
	}
	return &ticket{number: n, lock: lock}, nil
}

// leave gives the ticket up.
func (q *queue) leave(t *ticket) error {
	return errors.Join(os.Remove(q.path(ticketName(t.number))), t.lock.Release())
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
			q.opts.Waiting(q.look(ahead))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// tickets lists the numbers that were drawn and not given up, lowest first.
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

// ahead counts the tickets below a number that are held.
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

// alive reports whether a process holds a ticket.
func (q *queue) alive(number uint64) (bool, error) {
	_, held, err := lockfile.Look(q.path(ticketName(number)))
	return held, err
}

// try takes any free slot; nil when there is none.
func (q *queue) try() (*Slot, error) {
	for i := range q.opts.Limit {
		lock, err := lockfile.Try(q.slot(i), q.opts.Command)
		if err != nil {
			return nil, err
		}
		if lock != nil {
			lock.Note("")
			return &Slot{lock: lock}, nil
		}
	}
	return nil, nil
}

// slot is the path of a slot's lock.
func (q *queue) slot(i int) string { return q.path(slotPrefix + strconv.Itoa(i)) }

// look returns the holders of the slots.
func (q *queue) look(ahead int) Wait {
	w := Wait{Ahead: ahead, Limit: q.opts.Limit}
	for i := range q.opts.Limit {
		if h := lockfile.Read(q.slot(i)); h.PID > 0 {
			w.Holders = append(w.Holders, strings.TrimSpace(fmt.Sprintf("%s (process %d)", h.Command, h.PID)))
		}
	}
	return w
}
