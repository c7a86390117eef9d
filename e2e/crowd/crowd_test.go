package crowd

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gastown/e2e/gitserver"
	"gastown/e2e/internal/depot"
	"gastown/sync/federate"
)

var (
	long = flag.Bool("long", false, "also run the proofs that take minutes")
	size = flag.Int("towns", 50, "how many Towns are a large crowd")
	runs = flag.Duration("for", 3*time.Minute, "for how long a large crowd edits")
)

// crowd is Towns at one repository, and what they do there.
type crowd struct {
	t      *testing.T
	server *gitserver.Server
	towns  []*depot.Town
	before gitserver.Counts

	mu sync.Mutex
	// took is how long each edit took to be published, by Town.
	took [][]time.Duration
	// ends are true once a Town's loop has ended with an error.
	failed atomic.Bool
}

func assemble(t *testing.T, size int) *crowd {
	t.Helper()
	dir := t.TempDir()
	repo := filepath.Join(dir, "federation.git")
	if err := gitserver.Bare(t.Context(), repo, gitserver.BareOptions{}); err != nil {
		t.Fatal(err)
	}
	server, err := gitserver.HTTP(repo, gitserver.HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &crowd{t: t, server: server, took: make([][]time.Duration, size)}
	for i := range size {
		name := fmt.Sprintf("town%02d", i)
		tt := depot.New(t, filepath.Join(dir, name), name, server.URL(), func(o *federate.Options) { o.Starter = nil })
		if i == 0 {
			tt.MustInit()
		} else {
			tt.MustJoin()
		}
		c.towns = append(c.towns, tt)
	}
	c.before = server.Counts()
	return c
}

func own(tt *depot.Town) string { return "templates/" + tt.Name + ".txt" }

func ownText(tt *depot.Town, n int) string {
	return fmt.Sprintf("%s wrote this in turn %d\n", tt.Name, n)
}

// run lets each Town edit its own document and sync, again and again, until the
// context ends; pause is how long each waits between.
func (c *crowd) run(ctx context.Context, pause time.Duration) {
	var wait sync.WaitGroup
	for i, tt := range c.towns {
		wait.Go(func() {
			// People do not begin at once.
			select {
			case <-ctx.Done():
			case <-time.After(pause * time.Duration(i) / time.Duration(len(c.towns))):
			}
			for n := 1; ctx.Err() == nil && !c.failed.Load(); n++ {
				began := time.Now()
				tt.Write(own(tt), ownText(tt, n))
				// The test's context: a sync that began is not cut short.
				if _, err := tt.Sync(c.t.Context(), tt.Remote, false); err != nil {
					c.failed.Store(true)
					c.t.Errorf("%s: sync %d: %v", tt.Name, n, err)
					return
				}
				c.mu.Lock()
				c.took[i] = append(c.took[i], time.Since(began))
				c.mu.Unlock()
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	wait.Wait()
}

// counts is how many edits each Town has published.
func (c *crowd) counts() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := make([]int, len(c.took))
	for i, t := range c.took {
		n[i] = len(t)
	}
	return n
}

// report prints the figures and returns the pushes an edit cost.
func (c *crowd) report(what string) (pushes float64) {
	c.t.Helper()
	cost := c.server.Counts().Sub(c.before)
	all := slices.Concat(c.took...)
	if len(all) == 0 {
		c.t.Fatal("nothing was published")
	}
	slices.Sort(all)
	at := func(share float64) time.Duration {
		return all[min(len(all)-1, int(share*float64(len(all))))].Round(time.Millisecond)
	}
	counts := c.counts()
	pushes = float64(cost.Pushes) / float64(len(all))
	c.t.Logf("%s: %d edits, %v by Town; delay median %v, 99%% %v, longest %v; %.2f pushes and %.2f connections an edit",
		what, len(all), counts, at(0.5), at(0.99), at(1), pushes, float64(cost.Exchanges)/float64(len(all)))
	return pushes
}

// settled fails unless all Towns end with the same content, and it has the last
// text of each.
func (c *crowd) settled() {
	c.t.Helper()
	counts := c.counts()
	for range 2 {
		for _, tt := range c.towns {
			tt.MustSync()
		}
	}
	first := c.towns[0].Files()
	for i, tt := range c.towns {
		if diff := cmp.Diff(first, tt.Files()); diff != "" {
			c.t.Errorf("files of %s and %s differ:\n%s", c.towns[0].Name, tt.Name, diff)
		}
		if got := first[own(tt)]; got != ownText(tt, counts[i]) {
			c.t.Errorf("the last text of %s is gone: %q", tt.Name, got)
		}
	}
}

// Towns that sync in loops all get their turn: by the time each has published some
// edits, none has published many times as many. No error, and nothing is lost.
func TestLoops(t *testing.T) {
	const size, each = 4, 4
	c := assemble(t, size)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil && slices.Min(c.counts()) < each && !c.failed.Load() {
			<-tick.C
		}
		cancel()
	}()
	c.run(ctx, 0)
	c.report(fmt.Sprintf("%d Towns in loops", size))
	if most := slices.Max(c.counts()); most > 5*each {
		t.Errorf("a Town published %d edits while another published %d", most, each)
	}
	c.settled()
}

// TestLoopsLong: of two Towns in loops for 40 s, and of eight for 120 s, none is
// under half its fair share.
func TestLoopsLong(t *testing.T) {
	for _, test := range []struct {
		size int
		runs time.Duration
	}{{2, 40 * time.Second}, {8, 120 * time.Second}} {
		t.Run(fmt.Sprint(test.size), func(t *testing.T) {
			if !*long {
				t.Skip("-long runs it")
			}
			c := assemble(t, test.size)
			ctx, cancel := context.WithTimeout(t.Context(), test.runs)
			defer cancel()
			c.run(ctx, 0)
			pushes := c.report(fmt.Sprintf("%d Towns in loops for %v", test.size, test.runs))
			sum := 0
			for _, n := range c.counts() {
				sum += n
			}
			for i, n := range c.counts() {
				if 2*n*test.size < sum {
					t.Errorf("%s published %d of %d edits, less than half its share", c.towns[i].Name, n, sum)
				}
			}
			if pushes >= 3 {
				t.Errorf("%.2f pushes an edit, want less than 3", pushes)
			}
			c.settled()
		})
	}
}

// TestFifty: fifty Towns, each with an edit every few seconds. The delay is bounded,
// and so are the pushes an edit costs.
func TestFifty(t *testing.T) {
	if !*long {
		t.Skip("-long runs it")
	}
	c := assemble(t, *size)
	ctx, cancel := context.WithTimeout(t.Context(), *runs)
	defer cancel()
	c.run(ctx, 5*time.Second)
	if pushes := c.report(fmt.Sprintf("%d Towns, an edit every 5 s and its delay", *size)); pushes >= 3 {
		t.Errorf("%.2f pushes an edit, want less than 3", pushes)
	}
	longest := slices.Max(slices.Concat(c.took...))
	if longest > time.Minute {
		t.Errorf("an edit took %v", longest)
	}
	if slices.Min(c.counts()) == 0 {
		t.Errorf("a Town published nothing: %v", c.counts())
	}
	c.settled()
}
