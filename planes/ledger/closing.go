package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// ErrHeld reports a bead that cannot be closed yet: it waits for open beads, or has
// open children.
var ErrHeld = errors.New("cannot be closed yet")

// maxHolders is how many beads the error about one names.
const maxHolders = 5

// Closing says how beads are closed.
type Closing struct {
	// Reason is stored as close_reason.
	Reason string
	// Force closes beads that wait for open ones, or have open children.
	Force bool
	// Continue closes the beads that can be closed when others cannot.
	Continue bool
}

// Closed is what became of beads that were to be closed.
type Closed struct {
	// Beads are closed now. Already were closed before; they keep date and reason.
	Beads, Already []town.Bead
	// Left says why others are not closed, with Closing.Continue.
	Left *BatchError
}

// CloseReady is Change.Close in a commit of its own. With Closing.Continue it returns
// Closed.Left as the error.
func (s *Store) CloseReady(ctx context.Context, ids []string, how Closing) (done Closed, err error) {
	if len(ids) == 0 {
		return done, nil
	}
	message := fmt.Sprintf("close %d beads", len(ids))
	if len(ids) == 1 {
		message = "close " + ids[0]
	}
	err = s.write(ctx, message, func(q txn) (err error) {
		done, err = (&Change{s: s, q: q}).Close(ctx, ids, how)
		return err
	})
	switch {
	case err != nil:
		done = Closed{}
	case done.Left != nil:
		err = done.Left
	}
	return done, s.withNearest(ctx, err)
}

// Close closes beads, all or none, unless how.Continue. It is the one place where the
// rule of closing holds: a bead that waits for an open one, or has open children, is
// refused with ErrHeld unless those are closed with it or how.Force is set. A bead that
// is closed already stays as it is.
func (c *Change) Close(ctx context.Context, ids []string, how Closing) (done Closed, err error) {
	status := town.StatusClosed
	var patches []Patch
	seen := map[string]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			patches = append(patches, Patch{ID: id, Status: &status, CloseReason: &how.Reason, Guarded: !how.Force})
		}
	}
	e := c.edit()
	if err := e.load(ctx, c.q, patches); err != nil {
		return done, err
	}
	held, err := e.held(ctx, c.q, patches)
	if err != nil {
		return done, err
	}
	var bad batch
	var left []Patch
	for i, p := range patches {
		switch b := e.found[p.ID]; {
		case b == nil:
			bad.add(i, 0, p.ID, &UnknownError{ID: p.ID})
		case held[p.ID] != nil:
			bad.add(i, 0, p.ID, held[p.ID])
		case !b.Open():
			done.Already = append(done.Already, b.Bead)
		default:
			left = append(left, p)
		}
	}
	if err := bad.err(); err != nil {
		if !how.Continue {
			return Closed{}, err
		}
		errors.As(err, &done.Left)
	}
	if err := e.applyAll(ctx, c.q, left); err != nil {
		return Closed{}, err
	}
	for _, p := range left {
		done.Beads = append(done.Beads, e.found[p.ID].Bead)
	}
	return done, e.store(ctx, c.q)
}

// held says why guarded patches may not close their beads: those wait for open ones, or
// have open children, which the patches do not close, too.
func (e *editing) held(ctx context.Context, q txn, patches []Patch) (map[string]error, error) {
	var ids []string
	going := map[string]bool{}
	for _, id := range e.closing {
		going[id] = true
	}
	for _, p := range patches {
		if p.Status == nil || *p.Status != town.StatusClosed || e.found[p.ID] == nil {
			continue
		}
		going[p.ID] = true
		if p.Guarded && e.found[p.ID].Open() {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	holders, err := q.holders(ctx, ids)
	if err != nil {
		return nil, err
	}
	for changed := true; changed; {
		changed = false
		for _, id := range ids {
			if going[id] && slices.ContainsFunc(holders[id], func(h string) bool { return !going[h] }) {
				going[id], changed = false, true
			}
		}
	}
	held := map[string]error{}
	for _, id := range ids {
		if !going[id] {
			held[id] = heldError(holders[id], going)
		}
	}
	return held, nil
}

// guard refuses the patches that held finds.
func (e *editing) guard(ctx context.Context, q txn, patches []Patch) error {
	held, err := e.held(ctx, q, patches)
	if err != nil {
		return err
	}
	var bad batch
	for i, p := range patches {
		if p.Guarded && p.Status != nil {
			bad.add(i, p.Line, p.ID, held[p.ID])
		}
	}
	return bad.err()
}

func heldError(holders []string, going map[string]bool) error {
	holders = slices.DeleteFunc(slices.Clone(holders), func(h string) bool { return going[h] })
	text := strings.Join(holders[:min(len(holders), maxHolders)], ", ")
	if len(holders) > maxHolders {
		text += fmt.Sprintf(" and %d more", len(holders)-maxHolders)
	}
	return fmt.Errorf("%w: open beads come first: %s", ErrHeld, text)
}

// holders finds the open beads that beads wait for, and their open children. For a
// waits-for link those are the open children of its target, not the target.
func (q txn) holders(ctx context.Context, ids []string) (map[string][]string, error) {
	found := map[string][]string{}
	for part := range slices.Chunk(ids, batchRows) {
		in := " IN (" + marks(len(part)) + ")"
		err := q.each(ctx, func(rows *doltdb.Rows) error {
			var bead, by string
			err := rows.Scan(&bead, &by)
			if !slices.Contains(found[bead], by) {
				found[bead] = append(found[bead], by)
			}
			return err
		}, "SELECT d.issue_id AS o, d.depends_on_id AS h FROM dependencies d JOIN issues b ON b.id = d.depends_on_id"+
			" WHERE d.issue_id"+in+" AND d.type <> 'waits-for' AND b.status NOT IN "+done+" AND "+waits+
			" UNION ALL SELECT d.issue_id AS o, c.issue_id AS h FROM dependencies d JOIN issues b ON b.id = d.depends_on_id"+
			" JOIN dependencies c ON c.depends_on_id = b.id AND c.type = 'parent-child' JOIN issues o ON o.id = c.issue_id"+
			" WHERE d.issue_id"+in+" AND d.type = 'waits-for' AND o.status NOT IN "+done+" AND "+waits+
			" UNION ALL SELECT d.depends_on_id AS o, d.issue_id AS h FROM dependencies d JOIN issues b ON b.id = d.issue_id"+
			" WHERE d.depends_on_id"+in+" AND d.type = 'parent-child' AND b.status NOT IN "+done,
			slices.Concat(anys(part), anys(part), anys(part))...)
		if err != nil {
			return nil, err
		}
	}
	for _, list := range found {
		slices.Sort(list)
	}
	return found, nil
}

// Freed returns the beads that are ready and that may have waited for a closed one: those
// that depend on it, those that wait for the children of its parent, and the children of
// both. It takes two queries.
func (s *Store) Freed(ctx context.Context, closed []string, f Filter) (list []Item, err error) {
	if len(closed) == 0 {
		return nil, nil
	}
	in := " IN (" + marks(len(closed)) + ")"
	err = s.read(ctx, func(q txn) error {
		f.IDs = nil
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var id string
			err := rows.Scan(&id)
			f.IDs = append(f.IDs, id)
			return err
		}, "WITH RECURSIVE freed (id) AS (SELECT issue_id FROM dependencies WHERE depends_on_id"+in+" AND type IN ('blocks', 'conditional-blocks')"+
			" UNION SELECT w.issue_id FROM dependencies p JOIN dependencies w ON w.depends_on_id = p.depends_on_id"+
			" WHERE p.issue_id"+in+" AND p.type = 'parent-child' AND w.type = 'waits-for'"+
			" UNION SELECT d.issue_id FROM freed JOIN dependencies d ON d.depends_on_id = freed.id WHERE d.type = 'parent-child')"+
			" SELECT id FROM freed", append(anys(closed), anys(closed)...)...)
	})
	if err != nil || len(f.IDs) == 0 {
		return nil, err
	}
	return list, s.Ready(ctx, f, Collect(&list))
}
