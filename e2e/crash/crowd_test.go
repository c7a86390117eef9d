package crash

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	// crowdSize is how many processes work in the first Town, crowdTowns how many
	// Towns share the repository, crowdTurns how often each process syncs.
	crowdSize  = 8
	crowdTowns = 4
	crowdTurns = 2
)

// own is a document that only one process writes.
func own(task string) string { return "templates/" + task + ".txt" }

func ownText(task string, turn int) string {
	return fmt.Sprintf("%s wrote this in turn %d\n", task, turn)
}

// crowd is one process, which repeatedly writes and syncs. The first process of
// each Town also writes documents that other Towns write.
func (m *machine) crowd(ctx context.Context, task, url string) error {
	for turn := range crowdTurns {
		if err := m.put(own(task), ownText(task, turn)); err != nil {
			return err
		}
		if task == m.name+"-0" {
			for _, p := range paths {
				if err := m.put(p, document(p, ownText(task, turn))); err != nil {
					return err
				}
			}
		}
		if err := m.do(ctx, "sync", url); err != nil {
			return err
		}
	}
	return nil
}

// TestCrowd lets many processes sync one Town while others share the remote.
func TestCrowd(t *testing.T) {
	dir := t.TempDir()
	url := bare(t, dir)
	var towns []*machine
	var tasks []string
	workers := map[string]*machine{}
	for i := range crowdTowns {
		name := string(rune('a' + i))
		m := newMachine(t, dir+"/"+name, name)
		if i == 0 {
			m.must(t, "init", url)
		} else {
			m.must(t, "join", url)
		}
		towns = append(towns, m)
		for n := range crowdSize {
			if i > 0 && n > 0 {
				break
			}
			task := fmt.Sprintf("%s-%d", name, n)
			tasks = append(tasks, task)
			workers[task] = m
		}
	}
	start := time.Now()
	var wait sync.WaitGroup
	var mu sync.Mutex
	var slowest time.Duration
	for _, task := range tasks {
		p := workers[task].begin(t, "crowd", url, task)
		wait.Go(func() {
			if err := p.wait(); err != nil {
				t.Errorf("%s: %v", task, err)
			}
			mu.Lock()
			defer mu.Unlock()
			slowest = max(slowest, time.Since(start))
		})
	}
	wait.Wait()
	alone(t, dir)
	for _, m := range towns {
		m.tidy(t) // before anything else can clean up
	}
	for range 2 {
		for _, m := range towns {
			m.must(t, "sync", url)
		}
	}
	first := towns[0].files(t)
	head := towns[0].plane(t)
	for _, m := range towns {
		if diff := cmp.Diff(first, m.files(t)); diff != "" {
			t.Errorf("files of %s and %s differ:\n%s", towns[0].name, m.name, diff)
		}
		if got := m.plane(t).head; got != head.head {
			t.Errorf("%s is at %s, %s at %s", m.name, got, towns[0].name, head.head)
		}
		m.tidy(t)
	}
	for _, task := range tasks {
		if got := first[own(task)]; got != ownText(task, crowdTurns-1) {
			t.Errorf("the last text of %s is gone: %q", task, got)
		}
		for turn := range crowdTurns {
			if task == workers[task].name+"-0" && head.has(ownText(task, turn)) != len(paths) {
				t.Errorf("%s: %d of %d texts of turn %d are kept", task, head.has(ownText(task, turn)), len(paths), turn)
			}
		}
	}
	git(t, url, "fsck", "--strict", "--no-progress")
	t.Logf("%d processes in %d Towns, %d syncs in %v", len(tasks), crowdTowns, len(tasks)*crowdTurns, slowest.Round(time.Millisecond))
}
