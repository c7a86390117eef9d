package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// defaultInterleavings is how many plans of concurrent writers and readers are
// run on one ledger.
const defaultInterleavings = 12

// coherencePage bounds the lists of these tests, so that they are cached.
const coherencePage = 100

// register is a part of a bead that one goroutine at a time writes, as a count
// of versions. A reader must see a version between the last one whose write had
// returned when the read began and the last one whose write had begun when the
// read ended.
type register struct {
	name         string
	write        func(ctx context.Context, s *Store, version int64) error
	reads        []observation
	mu           sync.Mutex // held by who writes
	begun, acked atomic.Int64
}

// observation reads through a Store and reports how a version would look. The
// text says what was seen, for messages.
type observation func(ctx context.Context, s *Store) (is func(version int64) bool, saw string, err error)

func (r *register) next(ctx context.Context, s *Store) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	version := r.begun.Add(1)
	if err := r.write(ctx, s, version); err != nil {
		return fmt.Errorf("write version %d of %s: %w", version, r.name, err)
	}
	r.acked.Store(version)
	return nil
}

func (r *register) observe(ctx context.Context, s *Store, how int) error {
	oldest := r.acked.Load()
	is, saw, err := r.reads[how%len(r.reads)](ctx, s)
	if err != nil {
		return fmt.Errorf("read %s: %w", r.name, err)
	}
	newest := r.begun.Load()
	for v := oldest; v <= newest; v++ {
		if is(v) {
			return nil
		}
	}
	return fmt.Errorf("%s, read in way %d, is %s, which is no version from %d to %d", r.name, how%len(r.reads), saw, oldest, newest)
}

// listed returns the items a query lists.
func listed(query func(yield func(Item) error) error) ([]Item, error) {
	var items []Item
	err := query(Collect(&items))
	return items, err
}

// present observes whether a list holds a bead. The bead should be there at the
// versions for which expected is true.
func present(id string, expected func(int64) bool, query func(ctx context.Context, s *Store, yield func(Item) error) error) observation {
	return func(ctx context.Context, s *Store) (func(int64) bool, string, error) {
		items, err := listed(func(yield func(Item) error) error { return query(ctx, s, yield) })
		there := slices.ContainsFunc(items, func(i Item) bool { return i.ID == id })
		return func(v int64) bool { return expected(v) == there }, fmt.Sprintf("listed: %t", there), err
	}
}

// number observes a number that get finds, which is want of the version.
func number(want func(int64) int64, get func(ctx context.Context, s *Store) (int64, error)) observation {
	return func(ctx context.Context, s *Store) (func(int64) bool, string, error) {
		n, err := get(ctx, s)
		return func(v int64) bool { return want(v) == n }, fmt.Sprint(n), err
	}
}

func itself(v int64) int64 { return v }
func odd(v int64) int64    { return v % 2 }
func isOdd(v int64) bool   { return v%2 == 1 }
func isEven(v int64) bool  { return v%2 == 0 }

// last is the number a text ends in.
func last(text string) (n int64) {
	_, _ = fmt.Sscan(text[strings.LastIndexByte(text, ' ')+1:], &n)
	return n
}

// detail asks for one bead and looks at it.
func detail(id string, look func(Detail) int64) func(context.Context, *Store) (int64, error) {
	return func(ctx context.Context, s *Store) (int64, error) {
		got, err := s.Get(ctx, []string{id}, nil)
		if err != nil {
			return 0, err
		}
		return look(got[0]), nil
	}
}

// row asks for one bead in a list and looks at it.
func row(id string, look func(Item) int64) func(context.Context, *Store) (int64, error) {
	return func(ctx context.Context, s *Store) (int64, error) {
		items, err := listed(func(y func(Item) error) error {
			return s.List(ctx, Filter{IDs: []string{id}, Limit: coherencePage}, y)
		})
		if err != nil || len(items) != 1 {
			return 0, fmt.Errorf("%d beads are %s: %w", len(items), id, err)
		}
		return look(items[0]), nil
	}
}

func counting(look func(Stats) int) func(context.Context, *Store) (int64, error) {
	return func(ctx context.Context, s *Store) (int64, error) {
		st, err := s.Stats(ctx)
		return int64(look(st)), err
	}
}

// TestNoInterleavingReturnsAnOldValue has goroutines write and read through
// Stores that all have caches, some of them the same ones. A read that begins
// after a write returned must see that write or a later one.
func TestNoInterleavingReturnsAnOldValue(t *testing.T) {
	s := newLedger(t)
	s.Cached(NewCaches(0, 0))
	stores := []*Store{s, second(t, s), second(t, s)}
	small := stores[2].As(Session{MaxText: 1 << 20})
	small.Cached(NewCaches(1<<16, time.Minute))
	stores = append(stores, stores[1].As(Session{Actor: s.Actor()}), small)
	all := registers(t, s)
	type action struct{ store, register, how int }
	draw := func(rt *rapid.T, name string, most int) [][]action {
		one := rapid.Custom(func(rt *rapid.T) action {
			return action{
				store:    rapid.IntRange(0, len(stores)-1).Draw(rt, "store"),
				register: rapid.IntRange(0, len(all)-1).Draw(rt, "register"),
				how:      rapid.IntRange(0, 11).Draw(rt, "how"),
			}
		})
		return rapid.SliceOfN(rapid.SliceOfN(one, 1, most), 1, 3).Draw(rt, name)
	}
	checkTimes(t, defaultInterleavings, func(rt *rapid.T) {
		writers, readers := draw(rt, "writers", 8), draw(rt, "readers", 60)
		errs := make(chan error, len(writers)+len(readers))
		var wg sync.WaitGroup
		run := func(list []action, do func(action) error) {
			wg.Go(func() {
				for _, a := range list {
					if err := do(a); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		for _, list := range writers {
			run(list, func(a action) error {
				if a.how == 0 {
					// A collection may fail because another one runs, which is not
					// an error here.
					_ = stores[a.store].GC(t.Context())
				}
				return all[a.register].next(t.Context(), stores[a.store])
			})
		}
		for _, list := range readers {
			run(list, func(a action) error { return all[a.register].observe(t.Context(), stores[a.store], a.how) })
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			rt.Error(err)
		}
		// No goroutine writes any more: every Store sees the last version, in every
		// way.
		for _, r := range all {
			for how := range r.reads {
				for _, h := range stores {
					if err := r.observe(t.Context(), h, how); err != nil {
						rt.Error(err)
					}
				}
			}
		}
	})
	var hits int64
	for _, h := range stores[1:] {
		for _, st := range h.caches.Stats() {
			hits += st.Hits
		}
	}
	if hits == 0 {
		t.Error("no answer came from a cache")
	}
}
