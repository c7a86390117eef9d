package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func length(s string) int64 { return int64(len(s)) }

func TestAnEntryEndsWithItsTokenAndItsAge(t *testing.T) {
	now := time.Unix(1000, 0)
	c := New(Options[string]{Name: "x", TTL: time.Minute, Now: func() time.Time { return now }})
	c.Put("t1", "k", "v")
	if v, ok := c.Get("t1", "k"); !ok || v != "v" {
		t.Error(v, ok)
	}
	if _, ok := c.Get("t2", "k"); ok {
		t.Error("an answer for another token")
	}
	if _, ok := c.Get("t1", "k"); ok {
		t.Error("a stale entry came back")
	}
	c.Put("t2", "k", "w")
	now = now.Add(time.Minute)
	if _, ok := c.Get("t2", "k"); ok {
		t.Error("too old")
	}
	c.Put("t2", "k", "w")
	if n := c.Clear(); n != 1 {
		t.Error(n)
	}
	want := Stats{Name: "x", MaxEntries: defaultEntries, Hits: 1, Misses: 3, Stale: 1, Expired: 1}
	if got := c.Stats(); got != want {
		t.Errorf("%+v", got)
	}
}

// TestAgainstAModel puts and gets at random under a budget that two caches
// share, and compares with maps that drop nothing. An answer is always the last
// value put with its token, and the bytes never exceed the budget.
func TestAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const entries = 50
		budget := NewBudget(rapid.Int64Range(0, 3000*defaultShare).Draw(t, "budget"))
		caches := []*Cache[string]{
			New(Options[string]{Entries: entries, Budget: budget, Size: length}),
			New(Options[string]{Entries: entries, Budget: budget, Size: length}),
		}
		model := []map[string][2]string{{}, {}}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			which := rapid.IntRange(0, 1).Draw(t, "cache")
			token := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "token")
			key := strconv.Itoa(rapid.IntRange(1, 60).Draw(t, "key"))
			switch rapid.IntRange(0, 5).Draw(t, "op") {
			case 0:
				caches[which].Clear()
			case 1, 2, 3:
				v := rapid.StringN(0, 3000, 3000).Draw(t, "value")
				caches[which].Put(token, key, v)
				model[which][key] = [2]string{token, v}
				size := int64(len(v) + len(token) + len(key) + entryOverhead)
				if _, kept := caches[which].lru.Peek(key); kept != (size <= budget.Limit()/defaultShare) {
					t.Fatalf("an entry of %d bytes under a budget of %d: kept %v", size, budget.Limit(), kept)
				}
			default:
				if v, ok := caches[which].Get(token, key); ok && model[which][key] != [2]string{token, v} {
					t.Fatalf("%s under %s is %q, not %v", key, token, v, model[which][key])
				}
			}
			var held int64
			for _, c := range caches {
				s := c.Stats()
				held += s.Bytes
				if s.Entries > entries || s.Entries == 0 && s.Bytes != 0 || s.Bytes < int64(s.Entries*entryOverhead) {
					t.Fatalf("%+v", s)
				}
			}
			if held > budget.Limit() || held != budget.Used() {
				t.Fatalf("%d bytes of %d", held, budget.Limit())
			}
		}
	})
}

// Sweep drops the entries that are too old, and no others.
func TestSweep(t *testing.T) {
	now := time.Unix(1000, 0)
	c := New(Options[string]{TTL: time.Minute, Size: length, Now: func() time.Time { return now }})
	c.Put("t", "old", "value")
	c.Put("t", "older", "value")
	now = now.Add(time.Minute / 2)
	c.Put("t", "new", "value")
	if n := c.Sweep(); n != 0 {
		t.Errorf("%d swept before their time", n)
	}
	now = now.Add(time.Minute / 2)
	if n := c.Sweep(); n != 2 {
		t.Errorf("%d swept", n)
	}
	if s := c.Stats(); s.Entries != 1 || s.Expired != 2 || s.Bytes != entryOverhead+int64(len("tnewvalue")) {
		t.Errorf("%+v", s)
	}
	if _, ok := c.Get("t", "new"); !ok {
		t.Error("what was right is gone")
	}
}

func TestConcurrentLoadsShareOneRead(t *testing.T) {
	c := New(Options[int]{})
	var reads atomic.Int64
	started, finish := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	load := func() {
		v, err := c.Load(t.Context(), "t", "k", func(context.Context) (int, error) {
			if reads.Add(1) == 1 {
				close(started)
				<-finish
			}
			return 7, nil
		})
		if v != 7 || err != nil {
			t.Error(v, err)
		}
	}
	wg.Go(load)
	<-started
	for range 5 {
		wg.Go(load)
	}
	// A call with another token does not wait for this read.
	if v, err := c.Load(t.Context(), "u", "k", func(context.Context) (int, error) { return 8, nil }); v != 8 || err != nil {
		t.Error(v, err)
	}
	close(finish)
	wg.Wait()
	// Calls after the first had finished found its value. If the other token had
	// replaced it, they read again.
	if s := c.Stats(); s.Shared+reads.Load()+s.Hits < 6 {
		t.Errorf("%+v, %d reads", s, reads.Load())
	}
}

func TestAReaderThatGivesUpSpoilsNothing(t *testing.T) {
	c := New(Options[int]{})
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := c.Load(ctx, "t", "k", func(ctx context.Context) (int, error) {
			close(started)
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	<-started
	wg.Go(func() {
		if v, err := c.Load(t.Context(), "t", "k", func(context.Context) (int, error) { return 9, nil }); v != 9 || err != nil {
			t.Error(v, err)
		}
	})
	cancel()
	wg.Wait()
	failed := errors.New("no")
	if _, err := c.Load(t.Context(), "t", "e", func(context.Context) (int, error) { return 0, failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	if _, ok := c.Get("t", "e"); ok {
		t.Error("an error was kept")
	}
}

func BenchmarkHit(b *testing.B) {
	c := New(Options[string]{Budget: NewBudget(1 << 20), Size: length})
	for i := range 1000 {
		c.Put("t", fmt.Sprint(i), "value")
	}
	for b.Loop() {
		c.Get("t", "500")
	}
}
