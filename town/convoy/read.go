package convoy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

// Reader reads convoys.
type Reader struct {
	// Ledger and Operational call fn with the open plane. Without Operational nobody is
	// known to work.
	Ledger      ledger.Access
	Operational operational.Access
	// Others returns the records of other Towns by their references, those that are
	// known. nil is none.
	Others func(ctx context.Context, refs []string) (map[string]town.Bead, error)
	// Now is the clock.
	Now func() time.Time
}

// Select says which convoys are read.
type Select struct {
	// IDs selects convoys by full ids, open or not. Otherwise the open ones are read
	// and, with Closed, the others too.
	IDs    []string
	Closed bool
}

// convoyFields and memberFields are what is read of convoys and of beads.
var (
	convoyFields = ledger.Fields{"id", "title", "status", "created_at", "created_by", "updated_at", "closed_at", "close_reason", "metadata", "dependencies"}
	memberFields = ledger.Fields{"id", "title", "status", "priority", "assignee", "close_reason", "defer_until", "pinned", "is_template"}
)

// maxConvoys is up to how many open convoys are read as an answer that may be cached.
const maxConvoys = 500

// Read reads convoys with their progress, oldest first: two queries of the ledger, three
// for each step to what the members wait for, fewer when it answers from its caches, and
// three of the operational plane.
func (r Reader) Read(ctx context.Context, s Select) (all []Convoy, err error) {
	f := Facts{Now: r.Now(), Beads: map[string]town.Bead{}, Waits: map[string][]string{}}
	var foreign []string
	err = r.Ledger(ctx, func(l *ledger.Store) error {
		foreign, err = f.readLedger(ctx, l, s)
		return err
	})
	if err == nil && len(f.Convoys) > 0 && r.Operational != nil {
		err = r.Operational(ctx, func(o *operational.Store) error { return f.readWork(ctx, o) })
	}
	if err == nil && len(foreign) > 0 && r.Others != nil {
		f.Others, err = r.Others(ctx, foreign)
	}
	if err != nil {
		return nil, fmt.Errorf("read the convoys: %w", err)
	}
	return View(f), nil
}

// list lists the convoys that a Select selects.
func (s Select) list(ctx context.Context, l *ledger.Store) (found []town.Bead, err error) {
	f := ledger.Filter{Types: []town.BeadType{Type}, IDs: s.IDs, Fields: convoyFields, Sort: []ledger.Order{{Field: "created_at"}}}
	if len(s.IDs) == 0 && !s.Closed {
		f.Not, f.Limit = []town.Status{town.StatusClosed}, maxConvoys
	}
	var items []ledger.Item
	if err := l.List(ctx, f, ledger.Collect(&items)); err != nil {
		return nil, err
	}
	if len(items) == maxConvoys {
		f.Limit, items = 0, nil // there may be more
		if err := l.List(ctx, f, ledger.Collect(&items)); err != nil {
			return nil, err
		}
	}
	for _, i := range items {
		found = append(found, i.Bead)
	}
	return found, nil
}

// readLedger reads the convoys, their members, and what those wait for. It returns the
// references to records of other Towns.
func (f *Facts) readLedger(ctx context.Context, l *ledger.Store, s Select) (foreign []string, err error) {
	if f.Convoys, err = s.list(ctx, l); err != nil || len(f.Convoys) == 0 {
		return nil, err
	}
	var ids []string
	for _, c := range f.Convoys {
		own, others := targets(c.Dependencies)
		ids = append(ids, own...)
		for _, target := range others {
			ref, _ := reference(target)
			foreign = append(foreign, ref)
		}
	}
	if err := f.readBeads(ctx, l, ids); err != nil {
		return nil, err
	}
	if !f.anyOpen() {
		return foreign, nil
	}
	return foreign, f.readWaits(ctx, l, slices.Compact(slices.Sorted(slices.Values(ids))))
}

// manySteps is after how many steps from the members everything that waits is read at
// once: each step is two queries.
const manySteps = 4

// readWaits reads what open beads wait for, what that waits for, and so on.
func (f *Facts) readWaits(ctx context.Context, l *ledger.Store, ids []string) error {
	for step := 0; len(ids) > 0; step++ {
		if step == manySteps {
			return f.readAllWaits(ctx, l)
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { _, known := f.Waits[id]; return known || !f.open(id) })
		waiting, err := l.Needs(ctx, ids)
		if err != nil {
			return err
		}
		ids = nil
		for id, by := range waiting {
			f.Waits[id] = by
			ids = append(ids, by...)
		}
		ids = slices.Compact(slices.Sorted(slices.Values(ids)))
		if err := f.readBeads(ctx, l, ids); err != nil {
			return err
		}
	}
	return nil
}

func (f *Facts) open(id string) bool {
	b, known := f.Beads[id]
	return known && b.Open()
}

func (f *Facts) readAllWaits(ctx context.Context, l *ledger.Store) error {
	waiting, err := l.Blocked(ctx, ledger.Filter{Fields: memberFields})
	var blockers []string
	for _, w := range waiting {
		f.Waits[w.ID] = w.BlockedBy
		f.Beads[w.ID] = w.Bead
		blockers = append(blockers, w.BlockedBy...)
	}
	if err != nil {
		return err
	}
	return f.readBeads(ctx, l, blockers)
}

// anyOpen reports whether a bead that was read is open.
func (f *Facts) anyOpen() bool {
	for _, b := range f.Beads {
		if b.Open() {
			return true
		}
	}
	return false
}

// chunk is how many ids one query has.
const chunk = 1000

// readBeads reads the beads that are not known yet.
func (f *Facts) readBeads(ctx context.Context, l *ledger.Store, ids []string) error {
	ids = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(ids))), func(id string) bool { _, known := f.Beads[id]; return known })
	for part := range slices.Chunk(ids, chunk) {
		err := l.List(ctx, ledger.Filter{IDs: part, Fields: memberFields}, func(i ledger.Item) error {
			f.Beads[i.ID] = i.Bead
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readWork reads who works on what, and how the last work on free beads ended.
func (f *Facts) readWork(ctx context.Context, o *operational.Store) (err error) {
	if f.Work, err = o.Work(ctx); err != nil {
		return err
	}
	var free []string
	for _, c := range f.Convoys {
		own, _ := targets(c.Dependencies)
		for _, id := range own {
			b, known := f.Beads[id]
			if _, held := f.Work.Holder(id); known && b.Open() && !held && len(f.Waits[id]) == 0 {
				free = append(free, id)
			}
		}
	}
	slices.Sort(free)
	f.Last, err = o.Latest(ctx, slices.Compact(free))
	return err
}

// Find returns the full id of the convoy that a word means: its id, also a short one, or
// its name. Of several with that name it is the open one, or else the newest. It fails
// with town.ErrUsage when no convoy or more than one is meant, and names the nearest.
func Find(ctx context.Context, l *ledger.Store, word string) (id string, err error) {
	all, err := Select{Closed: true}.list(ctx, l)
	if err != nil {
		return "", err
	}
	var words, named, over, short []string
	for _, c := range all {
		switch {
		case c.ID == word:
			return c.ID, nil
		case c.Title == word && c.Open():
			named = append(named, c.ID)
		case c.Title == word:
			over = []string{c.ID}
		case strings.HasPrefix(c.ID, prefix+"-"+word) || len(word) > len(prefix)+1 && strings.HasPrefix(c.ID, word):
			short = append(short, c.ID)
		}
		words = append(words, c.ID, c.Title)
	}
	for _, found := range [][]string{named, over, short} {
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			return "", town.Fail("find the convoy "+town.Clip(word, 80), "give the whole id", "%w: it can be %s", town.ErrUsage, strings.Join(found, " or "))
		}
	}
	next := "gt convoy list --all shows them"
	if near := town.Nearest(word, words, 3); len(near) > 0 {
		next = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return "", town.Fail("find the convoy "+town.Clip(town.Visible(word), 80), next, "%w: there is no such convoy", town.ErrUsage)
}

// Tally returns the open convoys with how many of their members have landed, and without
// what keeps the others: one query, and another one when there are any.
func Tally(ctx context.Context, l *ledger.Store) ([]Convoy, error) {
	f := Facts{Beads: map[string]town.Bead{}}
	var err error
	if f.Convoys, err = (Select{}).list(ctx, l); err != nil {
		return nil, err
	}
	var members []string
	for _, c := range f.Convoys {
		own, _ := targets(c.Dependencies)
		members = append(members, own...)
	}
	if err := f.readBeads(ctx, l, members); err != nil {
		return nil, err
	}
	return View(f), nil
}
