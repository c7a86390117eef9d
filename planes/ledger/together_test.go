package ledger

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gastown/town"
)

// How long writers and readers work concurrently: when a command opens the
// ledger itself, when a server has it, and in short mode.
const (
	defaultTogether = 30 * time.Second
	servedTogether  = 5 * time.Second
	shortTogether   = time.Second
)

var together = flag.Duration("ledger.together", defaultTogether, "how long ten writers and ten readers work at once; in short mode never more than a second")

// readerPace is how often a reader asks; without it ten of them leave a small
// machine no time to write.
const readerPace = 10 * time.Millisecond

// TestTenWritersAndTenReaders has writers and readers work on one ledger,
// through Stores with and without caches. Every acknowledged write must be
// stored at the end, and no reader may see less than was acknowledged before it
// asked.
func TestTenWritersAndTenReaders(t *testing.T) {
	s := newLedger(t)
	handles := []*Store{s, second(t, s), second(t, s)}
	shared := create(t, s, titled("0"))[0].ID
	long := *together
	if served(s) && long == defaultTogether {
		long = servedTogether
	}
	if testing.Short() {
		long = min(long, shortTogether)
	}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	acknowledged := map[string]string{}
	var count atomic.Int64 // of acknowledged changes of the shared bead
	for w := range 10 {
		h := handles[w%len(handles)]
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if w == 0 {
					n := strconv.FormatInt(count.Load()+1, 10)
					if _, err := h.Update(t.Context(), []Patch{{ID: shared, Title: &n}}); err != nil {
						t.Errorf("update: %v", err)
						return
					}
					count.Add(1)
					continue
				}
				title := fmt.Sprintf("writer %d bead %d", w, i)
				made, err := h.Create(t.Context(), []NewBead{titled(title)})
				if err != nil {
					t.Errorf("create: %v", err)
					return
				}
				mu.Lock()
				acknowledged[made[0].ID] = title
				mu.Unlock()
			}
		})
	}
	for r := range 10 {
		h := handles[r%len(handles)]
		wg.Go(func() {
			pace := time.NewTicker(readerPace)
			defer pace.Stop()
			for ; ctx.Err() == nil; <-pace.C {
				before := count.Load()
				title := ""
				if r%2 == 0 {
					got, err := h.Get(t.Context(), []string{shared}, Fields{"title"})
					if err != nil {
						t.Errorf("get: %v", err)
						return
					}
					title = got[0].Title
				} else {
					var items []Item
					if err := h.List(t.Context(), Filter{IDs: []string{shared}, Limit: 5}, Collect(&items)); err != nil {
						t.Errorf("list: %v", err)
						return
					}
					title = items[0].Title
				}
				if n, err := strconv.ParseInt(title, 10, 64); err != nil || n < before {
					t.Errorf("read %q after %d was acknowledged", title, before)
				}
			}
		})
	}
	wg.Wait()
	there := map[string]string{}
	if err := s.List(t.Context(), Filter{}, func(i Item) error {
		there[i.ID] = i.Title
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for id, title := range acknowledged {
		if there[id] != title {
			t.Errorf("%s is %q, not %q", id, there[id], title)
		}
	}
	t.Logf("%d beads made, %d changes of one", len(acknowledged), count.Load())
	everyCommitHasAnAuthor(t, s)
}

// TestTwoHalvesOfACycle adds links in both directions at the same time: one
// writer must lose, however they interleave.
func TestTwoHalvesOfACycle(t *testing.T) {
	s := newLedger(t)
	handles := []*Store{s, second(t, s)}
	for range 5 {
		made := create(t, s, titled("a"), titled("b"))
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, h := range handles {
			wg.Go(func() {
				_, errs[i] = h.DepAdd(t.Context(), []town.Dependency{{Bead: made[i].ID, Target: made[1-i].ID}})
			})
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("%v and %v", errs[0], errs[1])
		}
	}
	if cycles, err := s.DepCycles(t.Context()); err != nil || len(cycles) > 0 {
		t.Errorf("%v, %v", cycles, err)
	}
}

// TestNoReadIsEverStale interleaves one writer and readers step by step: after
// every write that returned, every cached answer must show it.
func TestNoReadIsEverStale(t *testing.T) {
	s := newLedger(t)
	reader := second(t, s)
	made := create(t, s, titled("x"), titled("y"))
	for i := range 30 {
		title := fmt.Sprintf("title %d", i)
		if _, err := s.Update(t.Context(), []Patch{{ID: made[i%2].ID, Title: &title}}); err != nil {
			t.Fatal(err)
		}
		if i%7 == 6 {
			if err := s.GC(t.Context()); err != nil && !strings.Contains(err.Error(), "garbage") {
				t.Fatal(err)
			}
		}
		for range 2 {
			got, err := reader.Get(t.Context(), []string{made[i%2].ID}, nil)
			if err != nil || got[0].Title != title {
				t.Fatalf("%q, not %q: %v", got[0].Title, title, err)
			}
			var items []Item
			if err := reader.List(t.Context(), Filter{Text: title, Limit: 3}, Collect(&items)); err != nil || len(items) != 1 {
				t.Fatalf("%d found: %v", len(items), err)
			}
		}
	}
	beads, results := reader.caches.Stats()[0], reader.caches.Stats()[1]
	if beads.Hits < 30 || beads.Stale < 10 || results.Hits < 30 {
		t.Errorf("%+v, %+v", beads, results)
	}
}
