package ledger

import (
	"context"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Retire closes a bead in favour of another and links it to that, whatever it waits for,
// because the work goes on in the other one. already says that it was closed before;
// then it keeps date and reason.
func (c *Change) Retire(ctx context.Context, id, remains string, kind town.DepType, reason string) (already bool, err error) {
	if _, err := c.DepAdd(ctx, []town.Dependency{{Bead: id, Target: remains, Type: kind}}); err != nil {
		return false, err
	}
	done, err := c.Close(ctx, []string{id}, Closing{Reason: reason, Force: true})
	return len(done.Already) > 0, err
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
		if _, err := c.Retire(ctx, id, remains, town.DepRelated, "duplicate of "+remains); err != nil {
			return nil, err
		}
	}
	return children, nil
}

// CloseFinished closes the epics that have children, all of them closed, for a reason.
// Those that wait for open beads stay as they are; see Closed.Left.
func (c *Change) CloseFinished(ctx context.Context, reason string) (done Closed, err error) {
	var ids []string
	err = c.q.each(ctx, func(rows *doltdb.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT id FROM ("+childrenOfEpics+") p WHERE n = done ORDER BY id")
	if err != nil || len(ids) == 0 {
		return done, err
	}
	return c.Close(ctx, ids, Closing{Reason: reason, Continue: true})
}
