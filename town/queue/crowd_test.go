package queue

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"gastown/planes/operational"
	"gastown/town"
)

// Twenty slings of one bead at once: one worker.
func TestManySlingOneBead(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.close()
	w.bead("web-a", 2)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			_, err := w.operational.Enqueue(t.Context(), []operational.Waiting{{Bead: "web-a", Rig: "web"}}, 100, noon)
			if err != nil && !errors.Is(err, town.ErrRefused) {
				t.Error(err)
			}
			if _, err := w.dispatcher(Bounds{}).Pass(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := w.controller().Settle(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	all, err := w.operational.Assignments(t.Context(), "web-a")
	if err != nil || len(all) != 1 || !all[0].Told {
		t.Errorf("%+v, %v", all, err)
	}
	if work, err := w.operational.Work(t.Context()); err != nil || len(work.Queue) != 0 || len(work.Agents) != 1 {
		t.Errorf("%+v, %v", work, err)
	}
}

// A hundred slings at once: the limits and the bound of the queue hold, nothing is
// lost, and each caller was told the truth.
func TestAHundredSlingsAtOnce(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.close()
	b := Bounds{Limits: operational.Limits{Starting: 5, Working: 10, PerRig: 4}, Size: 30}
	var group sync.WaitGroup
	var mu sync.Mutex
	taken, refused := map[string]bool{}, 0
	for n := range 100 {
		group.Go(func() {
			bead, rig := fmt.Sprint("web-", n), []string{"web", "api", "app"}[n%3]
			_, err := w.operational.Enqueue(t.Context(), []operational.Waiting{{Bead: bead, Rig: rig}}, b.Size, noon)
			mu.Lock()
			switch {
			case err == nil:
				taken[bead] = true
			case errors.As(err, new(*operational.FullError)):
				refused++
			default:
				t.Error(err)
			}
			mu.Unlock()
			if _, err := w.dispatcher(b).Pass(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	work, err := w.operational.Work(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	perRig := map[string]int{}
	for _, a := range work.Assignments {
		perRig[a.Agent.Rig]++
		if !taken[a.Bead] {
			t.Errorf("%s was refused and has a worker", a.Bead)
		}
		delete(taken, a.Bead)
	}
	for _, q := range work.Queue {
		if !taken[q.Bead] {
			t.Errorf("%s was refused and waits", q.Bead)
		}
		delete(taken, q.Bead)
	}
	if len(work.Assignments) != 5 || len(work.Queue) > 30 || len(taken) != 0 {
		t.Errorf("%d work, %d wait, %d were refused, lost: %v", len(work.Assignments), len(work.Queue), refused, taken)
	}
	for rig, n := range perRig {
		if n > 4 {
			t.Errorf("%d work in %s", n, rig)
		}
	}
}
