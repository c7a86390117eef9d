package deacon

import (
	"encoding/json"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gastown/cache"
	"gastown/deacon/control"
	"gastown/planes/ledger"
	"gastown/town/config"
)

// levels are the counts of all caches.
func (r *active) levels() (all []cache.Stats) {
	for _, c := range r.host.Caches() {
		all = append(all, c.Stats())
	}
	return all
}

// hits is how many reads of the ledger were answered from memory.
func (r *active) hits() (n int64) {
	for _, level := range r.levels() {
		if level.Name != control.CacheAgents {
			n += level.Hits
		}
	}
	return n
}

// seen awaits so many more hits: where somebody writes all the time there are
// few, since each write outdates the cached answers.
func seen(t *testing.T, r *active, more int64) bool {
	want := r.hits() + more
	for deadline := time.Now().Add(patience); r.hits() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error("waited in vain for an answer from memory")
			return false
		}
	}
	return true
}

// Writers in other handles and readers through the Deacon: a read that begins
// after a write has returned sees it.
func TestNoReadThroughTheDeaconIsStale(t *testing.T) {
	const writers, readers, changes, pause = 3, 4, 30, 10
	p := found(t)
	p.configure(func(c *config.Config) {
		p.set(c, "rate.requests_per_second", "100000")
		p.set(c, "rate.burst_size", "1000")
	})
	r := p.mustStart()
	defer r.end()
	first := p.ledger()
	var ids []string
	for range writers {
		ids = append(ids, made(t, first, titled("0"))[0].ID)
	}
	var count [writers]atomic.Int64 // of changes that were acknowledged
	var done atomic.Bool
	var writing, reading sync.WaitGroup
	for w := range writers {
		s := p.ledger()
		writing.Go(func() {
			for n := int64(1); n <= changes; n++ {
				title := strconv.FormatInt(n, 10)
				if _, err := s.Update(t.Context(), []ledger.Patch{{ID: ids[w], Title: &title}}); err != nil {
					t.Errorf("update: %v", err)
					return
				}
				count[w].Store(n)
				if n%pause == 0 && !seen(t, r, 1) {
					return
				}
			}
		})
	}
	var reads atomic.Int64
	for n := range readers {
		reading.Go(func() {
			r := r.ledger()
			pace := time.NewTicker(time.Millisecond) // without it nobody has time to write
			defer pace.Stop()
			for i := n; !done.Load(); i++ {
				<-pace.C
				w := i % writers
				before := count[w].Load()
				title := ""
				if n%2 == 0 {
					var fields ledger.Fields // whole beads, or parts
					if n > 0 {
						fields = ledger.Fields{"title"}
					}
					got, err := r.Get(t.Context(), []string{ids[w]}, fields)
					if err != nil {
						t.Errorf("get: %v", err)
						return
					}
					title = got[0].Title
				} else {
					var items []ledger.Item
					if err := r.List(t.Context(), ledger.Filter{IDs: ids[w : w+1], Limit: 5}, ledger.Collect(&items)); err != nil || len(items) != 1 {
						t.Errorf("list: %d, %v", len(items), err)
						return
					}
					title = items[0].Title
				}
				if got, err := strconv.ParseInt(title, 10, 64); err != nil || got < before {
					t.Errorf("read %q after %d was acknowledged", title, before)
				}
				reads.Add(1)
			}
		})
	}
	writing.Wait()
	done.Store(true)
	reading.Wait()
	for w := range writers {
		if count[w].Load() != changes {
			t.Errorf("writer %d: %d changes", w, count[w].Load())
		}
	}
	if r.hits() == 0 {
		t.Error("no answer came from memory")
	}
	levels, _ := json.Marshal(r.levels())
	t.Logf("%d reads, %d changes: %s", reads.Load(), writers*changes, levels)
}
