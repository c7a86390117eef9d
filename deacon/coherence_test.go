package deacon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gastown/cache"
	"gastown/deacon/commands"
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

// seen waits for that many more hits. While others write all the time hits are
// rare, because each write invalidates the cached answers.
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

// Writers use handles of their own, and readers the Deacon's ledger: a read that
// begins after a write has returned sees it.
func TestNoReadOfTheDeaconsLedgerIsStale(t *testing.T) {
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
	var count [writers]atomic.Int64 // acknowledged changes
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
			pace := time.NewTicker(time.Millisecond) // without it the writers would get no time
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

// titles is a command that reads or changes the title of a bead: get ID, set ID TEXT.
func titles(l Lender, c commands.Call) commands.Command {
	return commands.Command{
		Name: "bd " + c.Args[0], Class: "bd", Wait: patience,
		Run: func(ctx context.Context) int {
			s, release, ok := l.Ledger(ctx)
			if !ok {
				fmt.Fprint(c.Stdout, "not here")
				return 4
			}
			defer release()
			view := s.As(ledger.Session{Actor: ada, Wait: patience})
			if c.Args[0] == "set" {
				if _, err := view.Update(ctx, []ledger.Patch{{ID: c.Args[1], Title: &c.Args[2]}}); err != nil {
					fmt.Fprint(c.Stdout, err)
					return 1
				}
				return 0
			}
			got, err := view.Get(ctx, c.Args[1:], nil)
			if err != nil {
				fmt.Fprint(c.Stdout, err)
				return 1
			}
			fmt.Fprint(c.Stdout, got[0].Title)
			return 0
		},
		Fail: func(err error) int { fmt.Fprint(c.Stdout, err); return 1 },
	}
}

// No command in the Deacon reads an answer that is older than the last write that
// returned, whether another command in the Deacon wrote it or another process.
func TestNoCommandInTheDeaconReadsStale(t *testing.T) {
	const changes = 20
	p := found(t)
	p.commands = titles
	p.configure(func(c *config.Config) {
		p.set(c, "rate.requests_per_second", "100000")
		p.set(c, "rate.burst_size", "1000")
	})
	r := p.mustStart()
	defer r.end()
	beside := p.ledger()
	inside, outside := made(t, beside, titled("0"))[0].ID, made(t, beside, titled("0"))[0].ID
	write := map[string]func(title string) error{
		inside: func(title string) error {
			if code, text := p.send(t, "set", inside, title); code != 0 {
				return errors.New(text)
			}
			return nil
		},
		outside: func(title string) error {
			_, err := beside.Update(t.Context(), []ledger.Patch{{ID: outside, Title: &title}})
			return err
		},
	}
	var all sync.WaitGroup
	for id, change := range write {
		var acknowledged atomic.Int64
		var done atomic.Bool
		all.Go(func() {
			defer done.Store(true)
			for n := int64(1); n <= changes; n++ {
				if err := change(strconv.FormatInt(n, 10)); err != nil {
					t.Errorf("change %d: %v", n, err)
					return
				}
				acknowledged.Store(n)
			}
		})
		all.Go(func() {
			for last := false; !last; {
				last = done.Load() // one more read after the last change
				before := acknowledged.Load()
				code, text := p.send(t, "get", id)
				if got, err := strconv.ParseInt(text, 10, 64); code != 0 || err != nil || got < before {
					t.Errorf("read %q (exit %d) after %d was acknowledged", text, code, before)
				}
			}
		})
	}
	all.Wait()
}
