package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// source is what callers cache answers of: numbers that only grow. Its token
// changes after a write is visible and before the writer returns, as that of a
// ledger does.
type source struct {
	mu           sync.RWMutex
	values       []int64
	state        atomic.Int64
	begun, acked []atomic.Int64
	turns        []sync.Mutex
}

func newSource(keys int) *source {
	return &source{values: make([]int64, keys), begun: make([]atomic.Int64, keys), acked: make([]atomic.Int64, keys), turns: make([]sync.Mutex, keys)}
}

func (s *source) token() string { return strconv.FormatInt(s.state.Load(), 10) }

func (s *source) write(key int) {
	s.turns[key].Lock()
	defer s.turns[key].Unlock()
	v := s.begun[key].Add(1)
	s.mu.Lock()
	s.values[key] = v
	s.mu.Unlock()
	s.state.Add(1)
	s.acked[key].Store(v)
}

func (s *source) read(key int) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.values[key]
}

// errNow is a read that fails.
var errNow = errors.New("not now")

// reader asks for a key through a cache, in one of several ways, and checks that
// the answer is no older than what was acknowledged when it began.
func (s *source) reader(ctx context.Context, c *Cache[int64], key, how int) error {
	oldest := s.acked[key].Load()
	token, name := s.token(), strconv.Itoa(key)
	var got int64
	var err error
	switch how {
	case 0: // a caller that reads many keys at once and caches each
		var ok bool
		if got, ok = c.Get(token, name); !ok {
			got = s.read(key)
			c.Put(token, name, got)
		}
	case 1:
		c.Clear()
		return nil
	case 2: // a caller that gives up, or whose read fails, does not affect others
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		_, err := c.Load(ctx, token, name, func(ctx context.Context) (int64, error) { return -1, errors.Join(ctx.Err(), errNow) })
		if err != nil && !errors.Is(err, errNow) {
			return err
		}
		return nil
	default:
		got, err = c.Load(ctx, token, name, func(context.Context) (int64, error) { return s.read(key), nil })
		if errors.Is(err, errNow) {
			return nil // this caller shared a read that failed
		}
	}
	if newest := s.begun[key].Load(); err != nil || got < oldest || got > newest {
		return fmt.Errorf("key %d is %d, %v, not %d to %d", key, got, err, oldest, newest)
	}
	return nil
}

// TestNoInterleavingReturnsAnOldValue has goroutines write a source and read it
// through two caches of one budget, some too small for what they are asked.
func TestNoInterleavingReturnsAnOldValue(t *testing.T) {
	type action struct{ cache, key, how int }
	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.IntRange(1, 5).Draw(rt, "keys")
		s := newSource(keys)
		budget := NewBudget(rapid.Int64Range(200, 2000*defaultShare).Draw(rt, "budget"))
		var caches []*Cache[int64]
		for range 2 {
			caches = append(caches, New(Options[int64]{Entries: rapid.IntRange(1, keys).Draw(rt, "entries"), Budget: budget}))
		}
		one := rapid.Custom(func(rt *rapid.T) action {
			return action{
				cache: rapid.IntRange(0, 1).Draw(rt, "cache"), key: rapid.IntRange(0, keys-1).Draw(rt, "key"), how: rapid.IntRange(0, 8).Draw(rt, "how"),
			}
		})
		plan := rapid.SliceOfN(rapid.SliceOfN(one, 1, 40), 2, 6)
		var wg sync.WaitGroup
		errs := make(chan error, 100)
		for _, list := range plan.Draw(rt, "writers") {
			wg.Go(func() {
				for _, a := range list {
					s.write(a.key)
				}
			})
		}
		for _, list := range plan.Draw(rt, "readers") {
			wg.Go(func() {
				for _, a := range list {
					if err := s.reader(t.Context(), caches[a.cache], a.key, a.how); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			rt.Error(err)
		}
	})
}
