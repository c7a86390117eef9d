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

// CloseReady closes beads, in one commit: all or none, unless c.Continue. A bead that
// waits for an open one, or has open children, is refused with ErrHeld unless those
// are closed with it or c.Force is set. It returns the beads that are closed now. With
// c.Continue it returns them beside the BatchError about the others.
func (s *Store) CloseReady(ctx context.Context, ids []string, c Closing) (closed []town.Bead, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	status := town.StatusClosed
	message := fmt.Sprintf("close %d beads", len(ids))
	if len(ids) == 1 {
		message = "close " + ids[0]
	}
	var bad batch
	err = s.write(ctx, message, func(q txn) error {
		closed, bad = nil, batch{}
		patches := make([]Patch, len(ids))
		for i, id := range ids {
			patches[i] = Patch{ID: id, Status: &status, CloseReason: &c.Reason}
		}
		e := newEditing(s.change())
		if err := e.load(ctx, q, patches); err != nil {
			return err
		}
		holders := map[string][]string{}
		if !c.Force {
			if holders, err = q.holders(ctx, ids); err != nil {
				return err
			}
		}
		going := closable(ids, e.found, holders)
		var left []Patch
		for i, p := range patches {
			switch {
			case e.found[p.ID] == nil:
				bad.add(i, 0, p.ID, &UnknownError{ID: p.ID})
			case !going[p.ID]:
				bad.add(i, 0, p.ID, heldError(holders[p.ID], going))
			default:
				left = append(left, p)
			}
		}
		if err := bad.err(); err != nil && (!c.Continue || len(left) == 0) {
			return err
		}
		if err := e.applyAll(ctx, q, left); err != nil {
			return err
		}
		for _, p := range left {
			closed = append(closed, e.found[p.ID].Bead)
		}
		return e.store(ctx, q)
	})
	if err == nil {
		err = bad.err()
	}
	if err != nil && !c.Continue {
		closed = nil
	}
	return closed, s.withNearest(ctx, err)
}

// guard refuses guarded patches that close beads which wait for open ones or have open
// children.
func (e *editing) guard(ctx context.Context, q txn, patches []Patch) error {
	var ids []string
	for _, p := range patches {
		if p.Guarded && p.Status != nil && *p.Status == town.StatusClosed {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	holders, err := q.holders(ctx, ids)
	if err != nil {
		return err
	}
	going := closable(ids, e.found, holders)
	var bad batch
	for i, p := range patches {
		if e.found[p.ID] != nil && slices.Contains(ids, p.ID) && !going[p.ID] {
			bad.add(i, p.Line, p.ID, heldError(holders[p.ID], going))
		}
	}
	return bad.err()
}

// closable are the beads that can be closed together: those that are closed already,
// and those that wait only for others that can.
func closable(ids []string, found map[string]*Detail, holders map[string][]string) map[string]bool {
	going := map[string]bool{}
	for _, id := range ids {
		going[id] = found[id] != nil
	}
	for changed := true; changed; {
		changed = false
		for _, id := range ids {
			if going[id] && found[id].Open() && slices.ContainsFunc(holders[id], func(h string) bool { return !going[h] }) {
				going[id], changed = false, true
			}
		}
	}
	return going
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
