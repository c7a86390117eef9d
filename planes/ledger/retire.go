package ledger

import (
	"context"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Retire closes a bead in favour of another and links it to that. A bead that is
// closed keeps its date.
func (c *Change) Retire(ctx context.Context, id, remains string, kind town.DepType, reason string) error {
	if _, err := c.DepAdd(ctx, []town.Dependency{{Bead: id, Target: remains, Type: kind}}); err != nil {
		return err
	}
	closed := town.StatusClosed
	_, err := c.Update(ctx, []Patch{{ID: id, Status: &closed, CloseReason: &reason}})
	return err
}

// Merge retires beads in favour of another that says the same, and makes their
// children the other's. It returns the children.
func (c *Change) Merge(ctx context.Context, remains string, ids []string) (children []string, err error) {
	var moves []Patch
	for part := range slices.Chunk(ids, batchRows) {
		err := c.q.each(ctx, func(rows *doltdb.Rows) error {
			var id string
			err := rows.Scan(&id)
			children = append(children, id)
			return err
		}, "SELECT d.issue_id FROM dependencies d JOIN issues i ON i.id = d.issue_id WHERE d.type = ? AND d.depends_on_id IN ("+marks(len(part))+") ORDER BY d.issue_id",
			append([]any{string(town.DepParent)}, anys(part)...)...)
		if err != nil {
			return nil, err
		}
	}
	for _, id := range children {
		if id != remains {
			moves = append(moves, Patch{ID: id, Parent: &remains})
		}
	}
	if len(moves) > 0 {
		if _, err := c.Update(ctx, moves); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		if err := c.Retire(ctx, id, remains, town.DepRelated, "duplicate of "+remains); err != nil {
			return nil, err
		}
	}
	return children, nil
}

// CloseFinished closes the epics that have children, all of them closed, for a
// reason, and returns them.
func (c *Change) CloseFinished(ctx context.Context, reason string) ([]town.Bead, error) {
	var patches []Patch
	closed := town.StatusClosed
	err := c.q.each(ctx, func(rows *doltdb.Rows) error {
		var id string
		err := rows.Scan(&id)
		patches = append(patches, Patch{ID: id, Status: &closed, CloseReason: &reason})
		return err
	}, "SELECT id FROM ("+childrenOfEpics+") p WHERE n = done ORDER BY id")
	if err != nil || len(patches) == 0 {
		return nil, err
	}
	return c.Update(ctx, patches)
}
