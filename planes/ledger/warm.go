package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gastown/town"
)

// UsualLimit is the default length of a printed list. Callers ask for one more,
// to find out whether there are more.
const UsualLimit = 50

// ReadyLimit is UsualLimit for lists of ready work.
const ReadyLimit = 100

// GateType is the type of beads that hold others up until something happens, and
// InfraTypes are those of agents and their mail.
const GateType = town.BeadType("gate")

var InfraTypes = []town.BeadType{"agent", "role", "message"}

// Listed is what bd list selects when nothing is asked for: work of people that is not
// closed.
func Listed() Filter {
	return Filter{
		Not:      []town.Status{town.StatusClosed},
		NotTypes: append([]town.BeadType{GateType}, InfraTypes...), Ephemeral: new(bool), NoTemplates: true,
	}
}

// LineFields are the fields in a line of a printed list.
func LineFields() Fields {
	return Fields{"id", "title", "status", "priority", "issue_type", "assignee"}
}

// settlePause is the interval between checks whether writes have settled.
const settlePause = 50 * time.Millisecond

const (
	// warmRows is how many beads one query of Warm reads.
	warmRows = 100
	// warmShare is the part of the budget that Warm fills at most: one half.
	// The rest is for what is really asked.
	warmShare = 2
)

// Warmed is the result of reading ahead.
type Warmed struct {
	// Read is how many entries were cached, Left how many were not.
	Read, Left int
	// Why lists the reasons for what was left out.
	Why []string
}

func (w *Warmed) leave(n int, format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	if w.Left += n; n > 0 && !slices.Contains(w.Why, why) {
		w.Why = append(w.Why, why)
	}
}

// late counts what there was no time for.
func (w *Warmed) late(n int) { w.leave(n, "there was no more time") }

// ahead is a view for reading ahead. None of its reads collects more than one
// cache entry may take.
func (s *Store) ahead() *Store {
	return s.As(Session{Actor: s.actor, MaxText: s.caches.budget.Most(), NoSuggestions: true})
}

// Warm reads the beads that a filter selects into the caches, so that Get finds
// them. It reads them in the filter's order, until the cache is full, half of
// the budget is used, or the time is over. It waits for a write under way to
// settle first, because what is read during a write is not cached.
func (s *Store) Warm(ctx context.Context, f Filter, within time.Duration) (w Warmed, err error) {
	if s.caches == nil {
		return w, nil
	}
	soon, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	total := 0
	f.Fields, f.Limit = Fields{"id"}, defaultBeads
	var items []Item
	if err = s.settled(soon); err == nil {
		total, err = s.howMany(soon, f)
	}
	if err == nil {
		err = s.List(soon, f, Collect(&items))
	}
	if err != nil {
		if soon.Err() != nil && ctx.Err() == nil {
			w.late(max(total, 1))
			return w, nil
		}
		return w, err
	}
	w.leave(max(total-len(items), 0), "%d beads are kept at most", defaultBeads)
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = items[i].ID
	}
	reader, room := s.ahead(), s.caches.budget.Limit()/warmShare
	for todo := slices.Collect(slices.Chunk(ids, warmRows)); len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		if room <= 0 {
			w.leave(len(part), "half of cache.memory_size is filled")
			continue
		}
		found, err := reader.get(soon, part, nil)
		switch {
		case err == nil:
			for id, d := range found {
				if !s.caches.beads.Fits("", id, *d) {
					w.leave(1, tooLarge)
					continue
				}
				w.Read++
				room -= detailSize(*d)
			}
		case errors.Is(err, ErrTooMuch) && len(part) > 1:
			todo = append([][]string{part[:len(part)/2], part[len(part)/2:]}, todo...)
		case errors.Is(err, ErrTooMuch):
			w.leave(1, tooLarge)
		case soon.Err() != nil && ctx.Err() == nil:
			w.late(len(part))
		default:
			return w, err
		}
	}
	return w, nil
}

// tooLarge is the reason for not caching a large entry.
const tooLarge = "one takes more than an eighth of cache.memory_size"

// howMany counts the beads a filter selects, ignoring its limit.
func (s *Store) howMany(ctx context.Context, f Filter) (n int, err error) {
	w := f.conditions(s.moment())
	err = s.read(ctx, func(q txn) (err error) {
		n, err = q.count(ctx, "issues i"+w.String(), w.args...)
		return err
	})
	return n, err
}

// WarmUsual reads the most usual answers into the caches, until the time is
// over: what is not closed, what is ready, what waits, and the statistics, each
// in the form that people read and in the form that programs read. Answers that
// depend on the time of day, such as ready work, are right for a quarter of a
// minute.
func (s *Store) WarmUsual(ctx context.Context, within time.Duration) (w Warmed, err error) {
	if s.caches == nil {
		return w, nil
	}
	soon, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	r := s.ahead()
	ignore := func(Item) error { return nil }
	var reads []func() error
	for _, fields := range []Fields{nil, LineFields()} {
		list := Listed()
		list.Limit, list.Fields = UsualLimit+1, fields
		reads = append(reads,
			func() error { return r.List(soon, list, ignore) },
			func() error { return r.Ready(soon, Filter{Limit: ReadyLimit + 1, Fields: fields}, ignore) })
	}
	reads = append(reads,
		func() error {
			_, err := r.Blocked(soon, Filter{})
			return err
		},
		func() error { _, err := r.Stats(soon); return err })
	err = s.settled(soon)
	for _, read := range reads {
		before := r.uncached.Load()
		if err == nil {
			err = read()
		}
		switch {
		case errors.Is(err, ErrTooMuch) || err == nil && r.uncached.Load() > before:
			w.leave(1, tooLarge)
		case err == nil:
			w.Read++
		case soon.Err() != nil && ctx.Err() == nil:
			w.late(1)
		default:
			return w, err
		}
		err = nil
	}
	return w, nil
}

// settled waits until the last write has settled, or until any write must have.
func (s *Store) settled(ctx context.Context) error {
	pause := time.NewTicker(settlePause)
	defer pause.Stop()
	for end := time.Now().Add(2 * settleTime); time.Now().Before(end); {
		if _, settled, err := s.state(ctx); err != nil || settled {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
