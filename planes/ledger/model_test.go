package ledger

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"gastown/town"
)

// defaultRuns is how many histories are tried, each of defaultSteps operations,
// unless -rapid.checks asks for another number. Every run makes a database.
const (
	defaultRuns  = 3
	defaultSteps = 25
)

// asked is looked up once, as setting the flag counts as asking.
var asked = sync.OnceValue(func() (asked bool) {
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	return asked
})

func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	checkTimes(t, defaultRuns, property)
}

// checkTimes checks so many times unless -rapid.checks asks for another number.
func checkTimes(t *testing.T, runs int, property func(*rapid.T)) {
	t.Helper()
	if !asked() {
		before := flag.Lookup("rapid.checks").Value.String()
		if err := flag.Set("rapid.checks", fmt.Sprint(runs)); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = flag.Set("rapid.checks", before) }()
	}
	rapid.Check(t, property)
}

// model is the ledger as a map.
type model struct {
	live, dead map[string]*town.Bead
	links      map[string]town.Dependency
}

// open reports whether a bead is there and not closed.
func (m *model) open(id string) bool { return m.live[id] != nil && m.live[id].Open() }

// held are the beads that wait, found by asking again until nothing changes.
func (m *model) held() map[string]bool {
	held := map[string]bool{}
	for before := -1; before != len(held); {
		before = len(held)
		for _, d := range m.links {
			if d.Type == town.DepBlocks && m.open(d.Target) || d.Type == town.DepParent && held[d.Target] && m.open(d.Target) {
				held[d.Bead] = true
			}
		}
	}
	return held
}

// stuck reports whether some bead could never be closed with another link.
func (m *model) stuck(d town.Dependency) bool {
	return len(neverClosed(append(slices.Collect(maps.Values(m.links)), d))) > 0
}

func (m *model) parent(id string) string {
	for _, d := range m.links {
		if d.Bead == id && d.Type == town.DepParent {
			return d.Target
		}
	}
	return ""
}

// set takes what a change returned, which has no comments.
func (m *model) set(b town.Bead) {
	b.Comments = m.live[b.ID].Comments
	*m.live[b.ID] = b
}

func (m *model) ids() []string { return slices.Sorted(maps.Keys(m.live)) }

func (m *model) selected(keep func(*town.Bead) bool) []string {
	ids := []string{}
	for _, id := range m.ids() {
		if keep(m.live[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestAgainstAModel does what people do, in any order, and compares what the
// ledger answers, asked directly and through caches, with a map.
func TestAgainstAModel(t *testing.T) {
	check(t, func(rt *rapid.T) {
		s := newLedger(t)
		readers := []*Store{s, second(t, s)}
		m := &model{live: map[string]*town.Bead{}, dead: map[string]*town.Bead{}, links: map[string]town.Dependency{}}
		for range rapid.IntRange(1, defaultSteps).Draw(rt, "steps") {
			step(t, rt, s, m)
			for _, r := range readers {
				compare(t, rt, r, m)
			}
		}
		roundTrip(t, rt, s)
	})
}

var (
	drawTitle = rapid.SampledFrom([]string{"fix the parser", "FIX it", "100% _sure_ \\ 'quoted'", "鍍金 the lily\u0007", "a;DROP TABLE issues--"})
	drawLabel = rapid.SampledFrom([]string{"ui", "db", "needs review", "a:b/c"})
)

func step(t *testing.T, rt *rapid.T, s *Store, m *model) {
	ctx := t.Context()
	anyID := func(name string, from map[string]*town.Bead) string {
		if len(from) == 0 {
			return "none-1"
		}
		return rapid.SampledFrom(slices.Sorted(maps.Keys(from))).Draw(rt, name)
	}
	op := rapid.SampledFrom([]string{"create", "create", "create", "update", "close", "reopen", "link", "link", "unlink", "comment", "delete", "restore"}).Draw(rt, "op")
	switch op {
	case "create":
		n := NewBead{Bead: town.Bead{
			Title: drawTitle.Draw(rt, "title"), Description: drawTitle.Draw(rt, "description"), Priority: rapid.IntRange(0, 4).Draw(rt, "priority"),
			Labels: rapid.SliceOfN(drawLabel, 0, 3).Draw(rt, "labels"),
		}}
		if len(m.live) > 0 && rapid.Bool().Draw(rt, "below") {
			n.Parent = anyID("parent", m.live)
		}
		made, err := s.Create(ctx, []NewBead{n})
		if err != nil {
			rt.Fatal(err)
		}
		b := made[0]
		for _, d := range b.Dependencies {
			m.links[linkKey(d)] = d
		}
		m.live[b.ID] = &b
	case "update":
		id, title, labels := anyID("id", m.live), drawTitle.Draw(rt, "title"), rapid.SliceOfN(drawLabel, 0, 3).Draw(rt, "labels")
		p := Patch{ID: id, Title: &title, AddLabels: labels, RemoveLabels: []string{drawLabel.Draw(rt, "remove")}}
		parent := m.parent(id)
		if rapid.Bool().Draw(rt, "move") {
			parent = rapid.SampledFrom(append(m.ids(), "")).Draw(rt, "parent")
			p.Parent = &parent
		}
		changed, err := s.Update(ctx, []Patch{p})
		old := m.parent(id)
		delete(m.links, id+" "+old+" "+string(town.DepParent))
		switch {
		case m.live[id] == nil:
			mustBe(rt, err, ErrUnknown)
		case parent == id:
			mustBe(rt, err, town.ErrBadBead)
		case parent != "" && parent != old && m.stuck(town.Dependency{Bead: id, Target: parent, Type: town.DepParent}):
			mustBe(rt, err, ErrCycle)
		case err != nil:
			rt.Fatal(err)
		default:
			m.set(changed[0])
			old = parent
		}
		if old != "" {
			d := town.Dependency{Bead: id, Target: old, Type: town.DepParent}
			m.links[linkKey(d)] = d
		}
	case "close", "reopen":
		id := anyID("id", m.live)
		var changed []town.Bead
		var err error
		if op == "close" {
			changed, err = closeBeads(ctx, s, []string{id}, "because")
		} else {
			changed, _, err = s.ReopenBecause(ctx, []string{id}, "")
		}
		if m.live[id] == nil {
			mustBe(rt, err, ErrUnknown)
		} else if err != nil {
			rt.Fatal(err)
		} else if m.set(changed[0]); changed[0].Open() != (op == "reopen") {
			rt.Fatalf("%s left %+v", op, changed[0])
		}
	case "link":
		d := town.Dependency{Bead: anyID("bead", m.live), Target: anyID("target", m.live), Type: rapid.SampledFrom(linkTypes).Draw(rt, "type")}
		n, err := s.DepAdd(ctx, []town.Dependency{d})
		_, there := m.links[linkKey(d)]
		switch {
		case d.Bead == d.Target:
			mustBe(rt, err, town.ErrBadBead)
		case there:
			if err != nil || n != 0 {
				rt.Fatalf("again: %d, %v", n, err)
			}
		case slices.Contains(blocking, d.Type) && m.stuck(d):
			mustBe(rt, err, ErrCycle)
		case err != nil || n != 1:
			rt.Fatalf("%d, %v", n, err)
		default:
			m.links[linkKey(d)] = d
		}
	case "unlink":
		if len(m.links) == 0 {
			return
		}
		d := m.links[rapid.SampledFrom(slices.Sorted(maps.Keys(m.links))).Draw(rt, "link")]
		if n, err := s.DepRemove(ctx, d.Bead, d.Target, d.Type); err != nil || n != 1 {
			rt.Fatalf("%d, %v", n, err)
		}
		delete(m.links, linkKey(d))
	case "comment":
		id := anyID("id", m.live)
		c, err := s.Comment(ctx, id, drawTitle.Draw(rt, "text"))
		if m.live[id] == nil {
			mustBe(rt, err, ErrUnknown)
		} else if err != nil {
			rt.Fatal(err)
		} else {
			m.live[id].Comments = append(m.live[id].Comments, c)
		}
	case "delete":
		id := anyID("id", m.live)
		err := s.Delete(ctx, []string{id}, "no reason")
		if m.live[id] == nil {
			mustBe(rt, err, ErrUnknown)
			return
		} else if err != nil {
			rt.Fatal(err)
		}
		m.dead[id] = m.live[id]
		delete(m.live, id)
		m.dead[id].Dependencies = nil
		for k, d := range m.links {
			if d.Bead == id || d.Target == id {
				m.dead[id].Dependencies = append(m.dead[id].Dependencies, d)
				delete(m.links, k)
			}
		}
	case "restore":
		id := anyID("id", m.dead)
		cyclic, wrong := m.restored(id)
		err := s.Restore(ctx, []string{id})
		switch {
		case m.dead[id] == nil:
			mustBe(rt, err, ErrUnknown)
		case wrong:
			mustBe(rt, err, ErrCycle)
		case err != nil:
			rt.Fatal(err)
		default:
			m.links = cyclic
			m.live[id] = m.dead[id]
			delete(m.dead, id)
		}
	}
}

// linkTypes are links of the model: those that hold, and one that does not.
var linkTypes = []town.DepType{town.DepBlocks, town.DepParent, town.DepRelated}

// restored is what the links will be, and whether that closes a cycle.
func (m *model) restored(id string) (links map[string]town.Dependency, cycle bool) {
	links = maps.Clone(m.links)
	if m.dead[id] == nil {
		return links, false
	}
	after := &model{live: maps.Clone(m.live), links: links}
	after.live[id] = m.dead[id]
	for _, d := range m.dead[id].Dependencies {
		if d.Type == town.DepParent && d.Bead != id && m.parent(d.Bead) != "" {
			continue // it was moved meanwhile
		}
		if after.live[d.Bead] != nil && (after.live[d.Target] != nil || d.Bead == id) {
			links[linkKey(d)] = d
		}
	}
	return links, len(neverClosed(slices.Collect(maps.Values(links)))) > 0
}

func mustBe(rt *rapid.T, err, want error) {
	if !errors.Is(err, want) {
		rt.Fatalf("%v where %v is due", err, want)
	}
}
