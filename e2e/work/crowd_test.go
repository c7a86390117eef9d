package work

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"gastown/e2e/internal/scratch"
)

// A hundred commands at once, eighty for a bead each and twenty for one bead, with a
// Deacon: each bead is accepted once, the limits hold at every moment, and all is done.
func TestHundredCommands(t *testing.T) {
	t.Parallel()
	const beads, same, most, queue = 80, 20, 3, 60
	p := found(t)
	p.GT("config", "polecat.max_per_rig", fmt.Sprint(most))
	p.GT("config", "sling.queue_size", fmt.Sprint(queue))
	p.Write("calm", "")
	lines := ""
	for i := range beads + 1 {
		lines += fmt.Sprintf("{\"id\":\"web-%d\",\"title\":\"bead %d\",\"status\":\"open\",\"priority\":2,\"issue_type\":\"task\"}\n", i, i)
	}
	p.Write("beads.jsonl", lines)
	p.BD("import", p.Dir+"/beads.jsonl")
	p.GT("deacon", "start")

	var mu sync.Mutex
	codes := map[int]int{}
	accepted := map[string]int{}
	var all sync.WaitGroup
	for i := range beads + same {
		id := fmt.Sprintf("web-%d", min(i, beads))
		all.Go(func() {
			_, err := p.Try("gt", "--wait", "2m", "sling", id, "web")
			mu.Lock()
			defer mu.Unlock()
			codes[scratch.Exit(err)]++
			switch code := scratch.Exit(err); {
			case code == 0:
				accepted[id]++
			case code == 4 && strings.Contains(err.Error(), "queue"): // it is full
			case code == 5 && id == fmt.Sprintf("web-%d", beads): // somebody has it, or it waits already
			default:
				t.Errorf("%v", err)
			}
		})
	}
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	for busy := true; busy; {
		select {
		case <-ended:
			busy = false
		default:
		}
		g := p.Status()
		if working := working(g); len(working) > most {
			t.Errorf("%d polecats work: %s, and %d may", len(working), working, most)
		}
		if len(g.Queue) > queue {
			t.Errorf("%d beads wait, and there is room for %d", len(g.Queue), queue)
		}
	}
	t.Logf("exit codes %v, %d accepted", codes, len(accepted))
	for id, n := range accepted {
		if n != 1 {
			t.Errorf("%s was accepted %d times", id, n)
		}
	}
	if len(accepted) < queue {
		t.Errorf("%d slings were accepted, and %d have room", len(accepted), queue)
	}
	p.GT("queue", "clear", "--type=sling") // the assigned ones show that work goes on
	p.Await("the polecats are idle", func() bool {
		g := p.Status()
		w := working(g)
		if len(w) > most {
			t.Errorf("%d polecats work: %s, and %d may", len(w), w, most)
		}
		return len(w) == 0 && len(g.Queue) == 0
	})
	assigned := map[string]int{}
	for _, e := range p.Feed() {
		if e.Kind == "assignment.assigned" {
			assigned[e.Subject]++
		}
	}
	g := p.Status()
	for id, n := range assigned {
		if n != 1 || accepted[id] != 1 || !p.HandedIn(g, id) {
			t.Errorf("%s was accepted %d and assigned %d times, handed in: %v", id, accepted[id], n, p.HandedIn(g, id))
		}
	}
}

// working are the beads of the polecats that have one; one bead with two is an error.
func working(g scratch.Glance) (beads []string) {
	for _, a := range g.Agents {
		if a.Bead != "" {
			beads = append(beads, a.Bead)
		}
	}
	slices.Sort(beads)
	return beads
}
