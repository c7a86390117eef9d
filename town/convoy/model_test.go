package convoy

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/planes/ledger"
	"gastown/town"
)

// modelRuns is how many histories are tried, each of modelSteps operations, unless
// -rapid.checks asks for another number. Every run makes two databases.
const (
	modelRuns  = 8
	modelSteps = 50
)

var errCrash = errors.New("the process ended")

// model is what the convoys should be.
type model struct {
	*place
	closed  map[string]bool            // beads
	members map[string]map[string]bool // of each convoy
	landed  map[string]bool            // convoys
	told    map[string]int             // messages, by convoy
	fail    string                     // before or after a pass writes; "" for never
}

func (m *model) open(_ context.Context, fn func(*ledger.Store) error) error {
	if m.fail == "before" {
		return errCrash
	}
	err := fn(m.l)
	if m.fail == "after" {
		return errors.Join(err, errCrash)
	}
	return err
}

func (m *model) beadName(t *rapid.T) string {
	return fmt.Sprint("web-", rapid.IntRange(0, 5).Draw(t, "bead"))
}

func (m *model) act(t *rapid.T, convoys []string) {
	ctx := context.Background()
	bead, id := m.beadName(t), rapid.SampledFrom(convoys).Draw(t, "convoy")
	switch rapid.SampledFrom([]string{"close", "close", "close", "reopen", "add", "remove", "pass", "pass", "crowd", "before", "after"}).Draw(t, "act") {
	case "close":
		_, err := m.l.CloseReady(ctx, []string{bead}, ledger.Closing{})
		must(m, err)
		m.closed[bead] = true
	case "reopen":
		if m.closed[bead] {
			m.patch(ledger.Patch{ID: bead, Status: new(town.StatusOpen)})
			delete(m.closed, bead)
		}
	case "add":
		added, reopened, err := Add(ctx, m.l, id, []string{bead})
		must(m, err)
		if (added == 1) == m.members[id][bead] || reopened != (added == 1 && m.landed[id]) {
			t.Fatalf("added %d of %s, reopened %v", added, bead, reopened)
		}
		if added == 1 {
			m.members[id][bead] = true
			delete(m.landed, id)
		}
	case "remove":
		_, err := Remove(ctx, m.l, id, []string{bead})
		must(m, err)
		delete(m.members[id], bead)
	case "pass":
		m.pass(t, 1)
	case "crowd":
		m.pass(t, 4)
	case "before", "after":
		m.fail = "before"
		if rapid.Bool().Draw(t, "after") {
			m.fail = "after"
		}
		if _, err := (Lander{m.open}).Pass(ctx); !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		if m.fail == "after" {
			m.land()
		}
		m.fail = ""
	}
}

// pass runs several passes at once.
func (m *model) pass(t *rapid.T, n int) {
	var group sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for range n {
		group.Go(func() {
			landed, err := Lander{m.open}.Pass(context.Background())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				m.Error(err)
			}
			for _, a := range landed {
				got[a.ID]++
			}
		})
	}
	group.Wait()
	for _, id := range m.land() {
		if got[id] != 1 {
			t.Fatalf("%s landed %d times: %v", id, got[id], got)
		}
		delete(got, id)
	}
	if len(got) > 0 {
		t.Fatalf("these landed and should not have: %v", got)
	}
}

// land is what a pass should do. It returns what landed.
func (m *model) land() (ids []string) {
	for id, members := range m.members {
		all := len(members) > 0 && !m.landed[id]
		for bead := range members {
			all = all && m.closed[bead]
		}
		if all {
			m.landed[id] = true
			m.told[id]++
			ids = append(ids, id)
		}
	}
	return ids
}

// check compares the ledger with the model.
func (m *model) check(t *rapid.T, convoys []string) {
	ctx := context.Background()
	for _, c := range m.read(Select{IDs: convoys}) {
		ended := 0
		for bead := range m.members[c.ID] {
			if m.closed[bead] {
				ended++
			}
		}
		if c.Total != len(m.members[c.ID]) || c.Landed != ended || (c.State == Done) != m.landed[c.ID] || len(c.Missing()) != c.Total-c.Landed {
			t.Fatalf("%+v, want %d of %d, landed %v", c, ended, len(m.members[c.ID]), m.landed[c.ID])
		}
		mail, err := m.l.Inbox(ctx, ledger.Box{Recipient: "mayor/"})
		must(m, err)
		n := 0
		for _, letter := range mail {
			if letter.To == c.ID {
				n++
			}
		}
		trail, err := m.l.History(ctx, c.ID)
		must(m, err)
		events := 0
		for _, e := range trail {
			if e.Kind == Landed {
				events++
			}
		}
		if n != m.told[c.ID] || events != n {
			t.Fatalf("%s: %d messages and %d events, want %d", c.ID, n, events, m.told[c.ID])
		}
	}
}

// Whatever is closed, opened, added and taken out, whenever a process ends and however
// many look at once: progress is what the ledger says, and each time a convoy lands its
// people are told once.
func TestToldExactlyOnce(t *testing.T) {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		must(t, flag.Set("rapid.checks", fmt.Sprint(modelRuns)))
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "convoy")
		must(t, err)
		defer os.RemoveAll(dir)
		m := &model{place: newPlace(t, dir), closed: map[string]bool{}, members: map[string]map[string]bool{}, landed: map[string]bool{}, told: map[string]int{}}
		defer m.close()
		m.beads("web-0", "web-1", "web-2", "web-3", "web-4", "web-5")
		var convoys []string
		for n := range 2 {
			first := fmt.Sprint("web-", n)
			id, err := Create(context.Background(), m.l, New{Name: fmt.Sprint("c", n), Members: []string{first, Shared("beta", "gt-a")}, Notify: []string{"mayor/"}})
			must(t, err)
			m.members[id] = map[string]bool{first: true}
			convoys = append(convoys, id)
		}
		for range modelSteps {
			m.act(rt, convoys)
		}
		m.check(rt, convoys)
		m.pass(rt, 2)
		m.check(rt, convoys)
	})
}

// A refresh of fifty convoys with sixteen beads each.
func BenchmarkRead50(b *testing.B) {
	p := newPlace(b, b.TempDir())
	defer p.close()
	ctx := context.Background()
	for n := range 50 {
		var beads []ledger.NewBead
		var ids []string
		for i := range 16 {
			id := fmt.Sprintf("web-%d-%d", n, i)
			bead := town.Bead{ID: id, Title: "do " + id}
			if i > 0 {
				bead.Dependencies = []town.Dependency{{Target: ids[i-1]}}
			}
			beads, ids = append(beads, ledger.NewBead{Bead: bead}), append(ids, id)
		}
		_, err := p.l.Create(ctx, beads)
		must(b, err)
		_, err = Create(ctx, p.l, New{Name: fmt.Sprint("convoy ", n), Members: ids})
		must(b, err)
	}
	p.l.Cached(ledger.NewCaches(0, 0))
	for what, changed := range map[string]bool{"quiet": false, "changed": true} {
		b.Run(what, func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				if changed {
					b.StopTimer()
					p.patch(ledger.Patch{ID: fmt.Sprintf("web-%d-0", n%50), Notes: new(time.Now().String())})
					b.StartTimer()
				}
				if got := len(p.read(Select{})); got != 50 {
					b.Fatal(got)
				}
			}
		})
	}
	b.Run("pass", func(b *testing.B) {
		for b.Loop() {
			if _, err := (Lander{p.ledger}).Pass(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
