package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/town"
)

// defaultInterleavings is how many plans of concurrent writers and readers are
// run on one ledger.
const defaultInterleavings = 12

// coherencePage bounds the lists of these tests, so that caches keep them.
const coherencePage = 100

// register is a part of a bead that one goroutine at a time writes, as a count
// of versions. What a reader sees must be a version between the last that had
// returned when it began and the last that had begun when it ended.
type register struct {
	name         string
	write        func(ctx context.Context, s *Store, version int64) error
	reads        []observation
	mu           sync.Mutex // held by who writes
	begun, acked atomic.Int64
}

// observation reads through a Store and reports how a version would look. What
// was seen is for messages.
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

// present observes whether a list holds a bead, on versions of which holds is true.
func present(id string, holds func(int64) bool, query func(ctx context.Context, s *Store, yield func(Item) error) error) observation {
	return func(ctx context.Context, s *Store) (func(int64) bool, string, error) {
		items, err := listed(func(yield func(Item) error) error { return query(ctx, s, yield) })
		there := slices.ContainsFunc(items, func(i Item) bool { return i.ID == id })
		return func(v int64) bool { return holds(v) == there }, fmt.Sprintf("listed: %t", there), err
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

// registers makes beads, one for each operation that changes something.
func registers(t *testing.T, s *Store) []*register {
	t.Helper()
	list := []NewBead{titled("retitled 0"), titled("closed"), titled("labelled"), titled("held"), titled("holder"), titled("talked of"), titled("deleted"), titled("imported")}
	for i := range list {
		list[i].ID = "gt-" + strings.Repeat(string(rune('a'+i)), 5)
	}
	made := create(t, s, list...)
	id := func(i int) string { return made[i].ID }
	short := func(i int) string { return strings.TrimPrefix(made[i].ID, "gt-")[:3] }
	link := town.Dependency{Bead: id(3), Target: id(4), Type: town.DepBlocks}
	page := Filter{Limit: coherencePage}
	list1 := func(f Filter) func(context.Context, *Store, func(Item) error) error {
		return func(ctx context.Context, s *Store, y func(Item) error) error { return s.List(ctx, f, y) }
	}
	ready := func(ctx context.Context, s *Store, y func(Item) error) error { return s.Ready(ctx, page, y) }
	blocked := func(ctx context.Context, s *Store, y func(Item) error) error {
		waiting, err := s.Blocked(ctx, page)
		for _, w := range waiting {
			err = errors.Join(err, y(w.Item))
		}
		return err
	}
	label := func(v int64) string { return fmt.Sprintf("v %d", v) }
	title := func(d Detail) int64 { return last(d.Title) }
	return []*register{
		{name: "a title", write: func(ctx context.Context, s *Store, v int64) error {
			text := fmt.Sprintf("retitled %d", v)
			_, err := s.Update(ctx, []Patch{{ID: id(0), Title: &text}})
			return err
		}, reads: []observation{
			number(itself, detail(id(0), title)), number(itself, detail(short(0), title)), number(itself, row(id(0), func(i Item) int64 { return last(i.Title) })),
			number(itself, func(ctx context.Context, s *Store) (int64, error) {
				items, err := listed(func(y func(Item) error) error { return s.List(ctx, Filter{Text: "RETITLED", Limit: coherencePage}, y) })
				if err != nil || len(items) != 1 {
					return 0, fmt.Errorf("%d beads found: %w", len(items), err)
				}
				return last(items[0].Title), nil
			}),
		}},
		{name: "a status", write: func(ctx context.Context, s *Store, v int64) (err error) {
			if isOdd(v) {
				_, err = s.CloseBeads(ctx, []string{id(1)}, "done")
			} else {
				_, err = s.Reopen(ctx, []string{id(1)})
			}
			return err
		}, reads: []observation{
			number(odd, detail(id(1), func(d Detail) int64 {
				if d.Open() {
					return 0
				}
				return 1
			})),
			present(id(1), isOdd, list1(Filter{Statuses: []town.Status{town.StatusClosed}, Limit: coherencePage})),
			present(id(1), isEven, ready), number(odd, counting(func(st Stats) int { return st.ByStatus[string(town.StatusClosed)] })),
		}},
		{name: "labels", write: func(ctx context.Context, s *Store, v int64) error {
			_, err := s.Update(ctx, []Patch{{ID: id(2), Labels: &[]string{label(v)}}})
			return err
		}, reads: []observation{
			number(itself, detail(id(2), func(d Detail) int64 { return last(strings.Join(append([]string{" 0"}, d.Labels...), " ")) })),
			number(itself, row(id(2), func(i Item) int64 { return last(strings.Join(append([]string{" 0"}, i.Labels...), " ")) })),
		}},
		{name: "a link", write: func(ctx context.Context, s *Store, v int64) (err error) {
			if isOdd(v) {
				_, err = s.DepAdd(ctx, []town.Dependency{link})
			} else {
				_, err = s.DepRemove(ctx, link.Bead, link.Target, link.Type)
			}
			return err
		}, reads: []observation{
			number(odd, detail(id(3), func(d Detail) int64 { return int64(len(d.Dependencies)) })),
			number(odd, detail(short(4), func(d Detail) int64 { return int64(len(d.Dependents)) })),
			number(odd, row(id(4), func(i Item) int64 { return int64(i.DependentCount) })),
			present(id(3), isEven, ready), present(id(3), isOdd, blocked), number(odd, counting(func(st Stats) int { return st.Blocked })),
		}},
		{name: "comments", write: func(ctx context.Context, s *Store, v int64) error {
			_, err := s.Comment(ctx, id(5), label(v))
			return err
		}, reads: []observation{
			number(itself, detail(id(5), func(d Detail) int64 { return int64(len(d.Comments)) })),
			number(itself, row(id(5), func(i Item) int64 { return int64(i.CommentCount) })),
		}},
		{name: "presence", write: func(ctx context.Context, s *Store, v int64) error {
			if isOdd(v) {
				return s.Delete(ctx, []string{id(6)}, "gone")
			}
			return s.Restore(ctx, []string{id(6)})
		}, reads: []observation{
			present(id(6), isEven, list1(page)), present(id(6), isEven, ready), number(odd, counting(func(st Stats) int { return st.Deleted })),
			number(odd, func(ctx context.Context, s *Store) (int64, error) {
				switch _, err := s.Get(ctx, []string{short(6)}, nil); {
				case errors.Is(err, ErrUnknown):
					return 1, nil
				default:
					return 0, err
				}
			}),
		}},
		{name: "an import", write: func(ctx context.Context, s *Store, v int64) error {
			b := made[7].Clone()
			b.Description, b.UpdatedAt = label(v), b.UpdatedAt.Add(time.Duration(v)*time.Second)
			var line strings.Builder
			if err := WriteLine(&line, b); err != nil {
				return err
			}
			result, err := s.Import(ctx, strings.NewReader(line.String()), ImportOptions{})
			if err == nil && result.Updated != 1 {
				err = fmt.Errorf("%+v", result)
			}
			return err
		}, reads: []observation{
			number(itself, detail(id(7), func(d Detail) int64 { return last(" 0 " + d.Description) })),
			number(itself, row(id(7), func(i Item) int64 { return last(" 0 " + i.Description) })),
		}},
	}
}

// TestNoInterleavingReturnsAnOldValue has goroutines write and read through
// Stores that all have caches, some of them the same ones: what a reader begins
// to read after a write returned is of that write or of a later one.
func TestNoInterleavingReturnsAnOldValue(t *testing.T) {
	s := newLedger(t)
	s.Cached(NewCaches(0, 0))
	stores := []*Store{s, second(t, s), second(t, s)}
	stores = append(stores, stores[1].Handle(stores[1].caches), stores[2].Handle(NewCaches(1<<16, time.Minute)))
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
					// One that meets another's is put off; that is no fault.
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
		// Nobody writes now: every Store sees the last version, in every way.
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
