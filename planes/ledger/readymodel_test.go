package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/town"
)

// graph is a ledger for the naive evaluation.
type graph struct {
	beads map[string]*town.Bead
	links []town.Dependency
	now   time.Time
}

func (g *graph) ended(b *town.Bead) bool {
	return b.Status == town.StatusClosed || b.Status == town.StatusPinned
}

// asleep reports whether a bead is put aside now.
func (g *graph) asleep(b *town.Bead) bool {
	if g.ended(b) {
		return false
	}
	return b.DeferUntil != nil && b.DeferUntil.After(g.now) || b.DeferUntil == nil && b.Status == town.StatusDeferred
}

// waits reports whether a link makes its bead wait by itself.
func (g *graph) waits(d town.Dependency, deferral bool) bool {
	target := g.beads[d.Target]
	if target == nil {
		return false
	}
	switch d.Type {
	case town.DepBlocks:
		return !g.ended(target)
	case town.DepConditional:
		return target.Status != town.StatusPinned && !(target.Status == town.StatusClosed && town.Failed(target.CloseReason))
	case town.DepParent:
		return deferral && g.asleep(target)
	case town.DepWaitsFor:
		open, closed := 0, 0
		for _, k := range g.links {
			if k.Type != town.DepParent || k.Target != d.Target || g.beads[k.Bead] == nil {
				continue
			}
			if !g.ended(g.beads[k.Bead]) {
				open++
			}
			if g.beads[k.Bead].Status == town.StatusClosed {
				closed++
			}
		}
		return open > 0 && (d.Metadata != town.AnyChild || closed == 0)
	}
	return false
}

// held are the beads that wait, themselves or with a parent.
func (g *graph) held(deferral bool) map[string]bool {
	held := map[string]bool{}
	for before := -1; before != len(held); {
		before = len(held)
		for _, d := range g.links {
			parent := g.beads[d.Target]
			if g.waits(d, deferral) || d.Type == town.DepParent && held[d.Target] && parent != nil && !g.ended(parent) {
				held[d.Bead] = true
			}
		}
	}
	return held
}

// ready are the beads that can be started, in the order of Ready.
func (g *graph) ready(deferred bool) []string {
	held := g.held(!deferred)
	var list []*town.Bead
	for id, b := range g.beads {
		future := b.DeferUntil != nil && b.DeferUntil.After(g.now)
		woken := b.Status == town.StatusDeferred && (deferred || b.DeferUntil != nil && !future)
		if held[id] || b.Template || b.Pinned || b.Ephemeral || slices.Contains(town.ProgramTypes, b.Type) ||
			b.Status != town.StatusOpen && !woken || future && !deferred {
			continue
		}
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *town.Bead) int {
		if a.Priority != b.Priority {
			return a.Priority - b.Priority
		}
		return a.CreatedAt.Compare(b.CreatedAt)
	})
	ids := make([]string, len(list))
	for i, b := range list {
		ids[i] = b.ID
	}
	return ids
}

// drawGraph draws beads and links of every kind, with cycles, which other programs can
// make, and targets that are not there.
func drawGraph(r *rapid.T, now time.Time) *graph {
	g := &graph{beads: map[string]*town.Bead{}, now: now}
	n := rapid.IntRange(2, 12).Draw(r, "beads")
	name := func(i int) string { return fmt.Sprintf("gt-%02d", i) }
	past, future := now.Add(-24*time.Hour), now.Add(24*time.Hour)
	often := func(name string) bool { return rapid.IntRange(0, 9).Draw(r, name) == 0 }
	for i := range n {
		b := &town.Bead{
			ID: name(i), Title: "t", Priority: rapid.IntRange(0, 4).Draw(r, "priority"), CreatedAt: now.Add(time.Duration(i-100) * time.Hour), UpdatedAt: now,
			Status:     rapid.SampledFrom(append(slices.Repeat([]town.Status{town.StatusOpen}, 6), append(town.Statuses, town.StatusClosed, "review")...)).Draw(r, "status"),
			Type:       rapid.SampledFrom([]town.BeadType{"task", "task", "task", "bug", "epic", "gate", "message", "agent", "widget"}).Draw(r, "type"),
			DeferUntil: rapid.SampledFrom([]*time.Time{nil, nil, nil, &past, &future}).Draw(r, "defer"),
			Ephemeral:  often("ephemeral"), Template: often("template"), Pinned: often("pinned"), Assignee: rapid.SampledFrom([]string{"", "", "kim"}).Draw(r, "assignee"),
		}
		if b.Status == town.StatusClosed {
			b.ClosedAt = &now
			b.CloseReason = rapid.SampledFrom([]string{"", "done", "Tests FAILED", "won't fix", "it's all right"}).Draw(r, "reason")
		}
		g.beads[b.ID] = b
	}
	kinds := append(slices.Repeat(blocking, 3), town.DepTypes...)
	seen := map[string]bool{}
	for range rapid.IntRange(0, 3*n).Draw(r, "links") {
		d := town.Dependency{
			Bead: name(rapid.IntRange(0, n-1).Draw(r, "bead")), Target: name(rapid.IntRange(0, n).Draw(r, "target")),
			Type: rapid.SampledFrom(kinds).Draw(r, "kind"), CreatedAt: now, CreatedBy: "ada",
			Metadata: rapid.SampledFrom([]string{"", town.AllChildren, town.AnyChild, "{bad", `{"gate":7}`}).Draw(r, "metadata"),
		}
		if d.Bead != d.Target && !seen[linkKey(d)] {
			seen[linkKey(d)] = true
			g.links = append(g.links, d)
		}
	}
	return g
}

// put makes the ledger hold the graph and nothing else.
func (g *graph) put(ctx context.Context, s *Store) error {
	return s.write(ctx, "graph", func(q txn) error {
		for _, table := range []string{"issues", "dependencies"} {
			if _, err := q.exec(ctx, "DELETE FROM "+table); err != nil {
				return err
			}
		}
		rows := s.change()
		for _, id := range slices.Sorted(maps.Keys(g.beads)) {
			rows.add(g.beads[id])
		}
		rows.links = append(rows.links, g.links...)
		return rows.store(ctx, q)
	})
}

// Ready, blocked and claimed work over all kinds of links, deferral, parents and
// statuses is what a naive evaluation says.
func TestReadyAgainstANaiveEvaluation(t *testing.T) {
	s := newLedger(t)
	checkTimes(t, 60, func(r *rapid.T) {
		g := drawGraph(r, s.moment())
		ctx := t.Context()
		if err := g.put(ctx, s); err != nil {
			r.Fatal(err)
		}
		for _, deferred := range []bool{false, true} {
			want := g.ready(deferred)
			for _, limit := range []int{0, 1, 3, 400} {
				if got := readyIDs(t, s, Filter{Limit: limit, IncludeDeferred: deferred}); !slices.Equal(got, want[:min(len(want), max(limit, len(want)*(1-min(limit, 1))))]) {
					r.Fatalf("limit %d, deferred %t: %v, want the first of %v\n%s", limit, deferred, got, want, g)
				}
			}
		}
		held := g.held(false)
		var blocked []string
		for _, id := range slices.Sorted(maps.Keys(held)) {
			if g.beads[id].Open() {
				blocked = append(blocked, id)
			}
		}
		waiting, err := s.Blocked(ctx, Filter{Sort: []Order{{Field: "id"}}})
		if err != nil {
			r.Fatal(err)
		}
		var got []string
		for _, w := range waiting {
			got = append(got, w.ID)
			for _, by := range w.BlockedBy {
				if !slices.ContainsFunc(g.links, func(d town.Dependency) bool { return d.Bead == w.ID && d.Target == by && g.waits(d, false) }) {
					r.Fatalf("%s does not wait for %s\n%s", w.ID, by, g)
				}
			}
		}
		if !slices.Equal(got, blocked) {
			r.Fatalf("blocked are %v, not %v\n%s", got, blocked, g)
		}
		some := slices.Sorted(maps.Keys(g.beads))
		some = append(some[:rapid.IntRange(0, len(some)).Draw(r, "some")], "web-none")
		needs, err := s.Needs(ctx, some)
		if err != nil {
			r.Fatal(err)
		}
		for _, w := range waiting {
			if by, ok := needs[w.ID]; ok != slices.Contains(some, w.ID) || ok && !slices.Equal(by, w.BlockedBy) {
				r.Fatalf("%s needs %v (%t), blocked by %v\n%s", w.ID, by, ok, w.BlockedBy, g)
			}
			delete(needs, w.ID)
		}
		if len(needs) > 0 {
			r.Fatalf("%v do not wait\n%s", needs, g)
		}
		st, err := s.Stats(ctx)
		if want := len(g.ready(false)); err != nil || st.Ready != want || st.Blocked != len(blocked) {
			r.Fatalf("%+v, %v: %d are ready, %d blocked", st, err, want, len(blocked))
		}
		claims := slices.DeleteFunc(g.ready(false), func(id string) bool { return g.beads[id].Assignee != "" })
		b, ok, err := s.ClaimReady(ctx, Filter{})
		if err != nil || ok != (len(claims) > 0) || ok && (b.ID != claims[0] || b.Assignee != "Ada" || b.Status != town.StatusInProgress) {
			r.Fatalf("claimed %+v, %v; ready are %v\n%s", b, err, claims, g)
		}
	})
}

func (g *graph) String() (text string) {
	for _, id := range slices.Sorted(maps.Keys(g.beads)) {
		b := g.beads[id]
		text += fmt.Sprintf("%s %s %s P%d defer %v reason %q %t %t %t\n", id, b.Status, b.Type, b.Priority, b.DeferUntil, b.CloseReason, b.Ephemeral, b.Template, b.Pinned)
	}
	for _, d := range g.links {
		text += fmt.Sprintf("%s %s %s %s\n", d.Bead, d.Type, d.Target, d.Metadata)
	}
	return text
}

// Agents that claim at the same time never get the same bead, and get all of them.
func TestTwoNeverClaimTheSame(t *testing.T) {
	const beads, agents = 12, 4
	s := grown(t, beads, nil, nil)
	var mu sync.Mutex
	got := map[string]string{}
	var wg sync.WaitGroup
	for a := range agents {
		view := s.As(Session{Actor: town.Actor{Name: fmt.Sprintf("agent-%d", a), Email: "a@example.com"}, Command: "claim"})
		wg.Go(func() {
			for {
				b, ok, err := view.ClaimReady(t.Context(), Filter{Assignees: []string{""}})
				if err != nil {
					t.Error(err)
				}
				if !ok {
					return
				}
				mu.Lock()
				if other := got[b.ID]; other != "" {
					t.Errorf("%s got %s after %s", b.Assignee, b.ID, other)
				}
				got[b.ID] = b.Assignee
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(got) != beads {
		t.Errorf("%v", got)
	}
}
