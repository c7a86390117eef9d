package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/town"
)

// TestWhatIsLinkedCanBeClosed links beads in every way there is, in any order. Whatever
// the ledger accepts, ready work never runs out until all beads are closed, each by a
// plain close.
func TestWhatIsLinkedCanBeClosed(t *testing.T) {
	checkTimes(t, 3*defaultRuns, func(rt *rapid.T) {
		s := newLedger(t)
		ctx := t.Context()
		live, dead := map[string]bool{}, map[string]bool{}
		n := 0
		for _, b := range create(t, s, titled("a"), titled("b"), titled("c"), titled("d")) {
			live[b.ID] = true
		}
		some := func(name string, from map[string]bool) string {
			if len(from) == 0 {
				return "gt-none"
			}
			return rapid.SampledFrom(slices.Sorted(maps.Keys(from))).Draw(rt, name)
		}
		kind := rapid.SampledFrom(append([]town.DepType{town.DepRelated}, blocking...))
		metadata := rapid.SampledFrom([]string{"", town.AllChildren, town.AnyChild})
		link := func() town.Dependency {
			return town.Dependency{Bead: some("bead", live), Target: some("target", live), Type: kind.Draw(rt, "type"), Metadata: metadata.Draw(rt, "metadata")}
		}
		for range rapid.IntRange(4, defaultSteps).Draw(rt, "steps") {
			var err error
			switch op := rapid.SampledFrom([]string{"create", "create", "link", "link", "link", "move", "batch", "import", "unlink", "delete", "restore"}).Draw(rt, "op"); op {
			case "create":
				b := NewBead{Bead: town.Bead{ID: fmt.Sprintf("gt-%d", n), Title: "t"}}
				n++
				if rapid.Bool().Draw(rt, "below") {
					b.Parent = some("parent", live)
				}
				if rapid.Bool().Draw(rt, "deps") {
					b.Dependencies = []town.Dependency{{Target: some("target", live), Type: kind.Draw(rt, "type")}}
				}
				if rapid.Bool().Draw(rt, "blocks") {
					b.Blocks = []string{some("blocks", live)}
				}
				if _, err = s.Create(ctx, []NewBead{b}); err == nil {
					live[b.ID] = true
				}
			case "link":
				_, err = s.DepAdd(ctx, []town.Dependency{link()})
			case "move":
				parent := rapid.SampledFrom([]string{some("parent", live), ""}).Draw(rt, "parent")
				_, err = s.Update(ctx, []Patch{{ID: some("id", live), Parent: &parent}})
			case "batch":
				one, two := link(), link()
				parent := some("parent", live)
				err = s.Together(ctx, "batch", func(c *Change) error {
					if _, err := c.DepAdd(ctx, []town.Dependency{one, two}); err != nil {
						return err
					}
					_, err := c.Update(ctx, []Patch{{ID: one.Bead, Parent: &parent}})
					return err
				})
			case "import":
				var text strings.Builder
				for range 2 {
					d := link()
					fmt.Fprintf(&text, `{"id":%q,"title":"t","created_at":"2026-01-01T00:00:00Z","updated_at":"2027-01-01T00:00:00Z","dependencies":[{"depends_on_id":%q,"type":%q}]}`+"\n",
						d.Bead, d.Target, d.Type)
					live[d.Bead] = true
					delete(dead, d.Bead)
				}
				_, err = s.Import(ctx, strings.NewReader(text.String()), ImportOptions{Force: true, Revive: true})
			case "unlink":
				_, err = s.DepRemove(ctx, some("bead", live), some("target", live), "")
			case "delete":
				id := some("id", live)
				if err = s.Delete(ctx, []string{id}, ""); err == nil {
					delete(live, id)
					dead[id] = true
				}
			case "restore":
				id := some("id", dead)
				if err = s.Restore(ctx, []string{id}); err == nil {
					delete(dead, id)
					live[id] = true
				}
			}
			if err != nil && !errors.Is(err, ErrCycle) && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrAlive) && !errors.Is(err, town.ErrBadBead) {
				rt.Fatal(err)
			}
		}
		for left := live; len(left) > 0; {
			var ready []Item
			if err := s.Ready(ctx, Filter{Statuses: []town.Status{town.StatusOpen}}, Collect(&ready)); err != nil {
				rt.Fatal(err)
			}
			before := len(left)
			for _, b := range ready {
				// What waits for a failure is free after one only.
				if _, err := s.CloseReady(ctx, []string{b.ID}, Closing{Reason: "failed"}); err == nil {
					delete(left, b.ID)
				} else if !errors.Is(err, ErrHeld) {
					rt.Fatal(err)
				}
			}
			if len(left) == before {
				cycles, err := s.DepCycles(ctx)
				rt.Fatalf("%v can never be closed; cycles %v, %v", slices.Sorted(maps.Keys(left)), cycles, err)
			}
		}
	})
}
