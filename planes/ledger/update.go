package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gastown/town"
)

// Update changes beads, all or none, in one commit, and returns them as they
// are afterwards, without links and comments, in the order of the patches. A
// bead that is named twice is changed twice. Ids are full ones; see Resolve.
// The BatchError it returns lists every bad patch by its index and line; for a
// cycle, the last patch that closes it. When nothing changes, there is no
// commit.
func (s *Store) Update(ctx context.Context, patches []Patch) ([]town.Bead, error) {
	if len(patches) == 0 {
		return nil, nil
	}
	message := fmt.Sprintf("update %d beads", len(patches))
	if len(patches) == 1 {
		message = "update " + patches[0].ID
	}
	var changed []town.Bead
	err := s.write(ctx, message, func(q txn) (err error) {
		changed, err = newEditing(s.change()).update(ctx, q, patches)
		return err
	})
	if err != nil {
		return nil, s.withNearest(ctx, err)
	}
	return changed, nil
}

// touched are the fields that a change of a bead needs to read.
var touched = append(slices.Clone(fieldNames()[:len(columns)-1]), "labels", "parent", "extra")

// update changes beads in a transaction.
func (e *editing) update(ctx context.Context, q txn, patches []Patch) (changed []town.Bead, err error) {
	if err := e.load(ctx, q, patches); err != nil {
		return nil, err
	}
	if err := e.check(ctx, q, patches); err != nil {
		return nil, err
	}
	for _, p := range patches {
		changed = append(changed, e.found[p.ID].Bead)
	}
	return changed, e.store(ctx, q)
}

// check applies the patches to the beads that were read, if the rule of closing allows
// them. Its error lists every fault.
func (e *editing) check(ctx context.Context, q txn, patches []Patch) error {
	return joinBatches(e.guard(ctx, q, patches), e.applyAll(ctx, q, patches))
}

// withNearest adds suggestions to the UnknownErrors in a BatchError.
func (s *Store) withNearest(ctx context.Context, err error) error {
	var b *BatchError
	if errors.As(err, &b) && errors.Is(err, ErrUnknown) {
		if serr := s.suggest(ctx, b.Entries); serr != nil {
			return errors.Join(err, serr)
		}
		return b
	}
	return err
}

// editing is the state of a change to existing beads.
type editing struct {
	*rows
	found map[string]*Detail
	was   map[string]Detail // as they were before the first patch
	moved map[string]int    // the last patch that gave a bead another parent
	taken map[string]bool   // the ids of rows.beads
	drop  []town.Dependency // links that go
	// closing are beads that are closed later in the same transaction.
	closing []string
}

func newEditing(r *rows) *editing {
	return &editing{rows: r, found: map[string]*Detail{}, was: map[string]Detail{}, moved: map[string]int{}, taken: map[string]bool{}}
}

// load reads every bead that is changed or becomes a parent, as many per query
// as is fastest.
func (e *editing) load(ctx context.Context, q txn, patches []Patch) error {
	var ids []string
	for _, p := range patches {
		ids = append(ids, p.ID)
		if p.Parent != nil && *p.Parent != "" {
			ids = append(ids, *p.Parent)
		}
	}
	slices.Sort(ids)
	for part := range slices.Chunk(slices.Compact(ids), compareRows) {
		if err := q.details(ctx, part, touched, e.found); err != nil {
			return err
		}
	}
	for id, d := range e.found {
		d.settle(touched)
		e.was[id] = d.clone()
	}
	return nil
}

// applyAll applies the patches to the beads that were read. Its error lists
// every patch that cannot be applied, including those that close cycles.
func (e *editing) applyAll(ctx context.Context, q txn, patches []Patch) error {
	var bad batch
	var odd wordCheck
	for i, p := range patches {
		fault, err := odd.checkPatch(ctx, q, p)
		if err != nil {
			return err
		}
		if fault == nil {
			fault = e.apply(i, p)
		}
		bad.add(i, p.Line, p.ID, fault)
	}
	gone := e.relink()
	found, err := q.cycles(ctx, e.links, gone)
	if err != nil {
		return err
	}
	for _, c := range found {
		i := e.moved[c.link.Bead]
		bad.add(i, patches[i].Line, c.link.Bead, c.err())
	}
	return bad.err()
}

// relink finds the links to remove and to add. It compares each parent with the
// one before the change, however often a bead was moved in between.
func (e *editing) relink() (gone map[string]bool) {
	gone = map[string]bool{}
	for _, b := range e.beads {
		was, is := e.was[b.ID].Parent, e.found[b.ID].Parent
		if was == is {
			continue
		}
		if was != "" {
			d := town.Dependency{Bead: b.ID, Target: was, Type: town.DepParent}
			e.drop, gone[linkKey(d)] = append(e.drop, d), true
		}
		if is != "" {
			e.links = append(e.links, town.Dependency{Bead: b.ID, Target: is, Type: town.DepParent, CreatedAt: e.at, CreatedBy: e.actor})
		}
	}
	return gone
}

// apply applies one patch. When it fails, nothing is changed.
func (e *editing) apply(index int, p Patch) error {
	d := e.found[p.ID]
	if d == nil {
		return &UnknownError{ID: p.ID}
	}
	if p.Parent != nil && *p.Parent != "" && e.found[*p.Parent] == nil {
		return &UnknownError{ID: *p.Parent}
	}
	before := d.Bead
	after := before.Clone()
	drop, add, err := p.apply(&after, d.Parent, e.rows)
	if err != nil {
		return err
	}
	truncate(&after)
	if err := errors.Join(after.Validate(), linkError(add)); err != nil {
		return err
	}
	if drop != nil {
		e.event(p.ID, "unlinked", string(drop.Type), drop.Target, "")
		d.Parent = ""
	}
	if add != nil {
		e.event(p.ID, "linked", string(add.Type), "", add.Target)
		d.Parent = add.Target
	}
	if drop != nil || add != nil {
		e.moved[p.ID] = index
	}
	if e.diff(&before, &after) || drop != nil || add != nil {
		after.UpdatedAt = e.later(e.was[p.ID].UpdatedAt)
		d.Bead = after
		if !e.taken[p.ID] {
			e.taken[p.ID] = true
			e.beads = append(e.beads, &d.Bead)
		}
	}
	return nil
}

func linkError(d *town.Dependency) error {
	if d == nil {
		return nil
	}
	return d.Validate()
}

// diff records an entry of the audit trail for every field and label that
// differs.
func (e *editing) diff(before, after *town.Bead) bool {
	n := len(e.events)
	for _, c := range columns {
		old, now := c.get(before), c.get(after)
		if old == now {
			continue
		}
		kind := "updated"
		if c.name == "status" {
			switch {
			case after.Status == town.StatusClosed:
				kind = "closed"
			case before.Status == town.StatusClosed:
				kind = "reopened"
			}
		}
		e.event(after.ID, kind, c.name, valueText(old), valueText(now))
	}
	for _, l := range before.Labels {
		if !slices.Contains(after.Labels, l) {
			e.event(after.ID, "unlabeled", "labels", l, "")
		}
	}
	for _, l := range after.Labels {
		if !slices.Contains(before.Labels, l) {
			e.event(after.ID, "labeled", "labels", "", l)
		}
	}
	return len(e.events) > n
}

func valueText(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// store writes the changed beads. It compares labels with those before the
// change, however often a bead was changed in between.
func (e *editing) store(ctx context.Context, q txn) error {
	var unset [][]any
	for _, b := range e.beads {
		was := e.was[b.ID]
		for _, l := range was.Labels {
			if !slices.Contains(b.Labels, l) {
				unset = append(unset, []any{b.ID, l})
			}
		}
		for _, l := range b.Labels {
			if !slices.Contains(was.Labels, l) {
				e.labels = append(e.labels, [2]string{b.ID, l})
			}
		}
	}
	if anyBlocking(e.links) {
		if err := q.markLinks(ctx); err != nil {
			return err
		}
	}
	for _, d := range e.drop {
		if err := q.unlink(ctx, d); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(unset, batchRows) {
		pairs := strings.TrimSuffix(strings.Repeat("(?,?),", len(part)), ",")
		if _, err := q.exec(ctx, "DELETE FROM labels WHERE (issue_id, label) IN ("+pairs+")", slices.Concat(part...)...); err != nil {
			return err
		}
	}
	return e.rows.store(ctx, q)
}
