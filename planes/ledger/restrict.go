package ledger

import (
	"context"
	"maps"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// May says whether a caller may make a change. Its error is returned to the caller, and
// nothing is written.
type May func(Touch) error

// Touch is a change of a bead.
type Touch struct {
	Bead string
	// Assignee is who had the bead before the change; "" is nobody.
	Assignee string
	// Ends says that the change closes or deletes the bead, Moves that it gives the bead to
	// somebody else or to nobody.
	Ends, Moves bool
}

// take adds what an entry of the audit trail says of the bead.
func (t *Touch) take(e town.AuditEntry) {
	t.Ends = t.Ends || e.Kind == "closed" || e.Kind == "deleted"
	t.Moves = t.Moves || e.Field == "assignee"
}

// Restrict has the writes of this Store ask may about each bead that existed before they
// began, other than for comments. It is for one caller: call it on a view (see As), or on a
// ledger that nobody else uses, and before the first write.
func (s *Store) Restrict(may May) { s.session.may = may }

// ask asks the caller's May about what is about to be written. What the ledger held at the
// last commit counts, so a bead cannot be taken over and changed in one step.
func (q txn) ask(ctx context.Context, r *rows) error {
	if q.may == nil {
		return nil
	}
	touched := map[string]*Touch{}
	for _, e := range r.events {
		if e.Kind == "commented" || e.Bead == TrailSettings || e.Bead == TrailMemories {
			continue
		}
		if touched[e.Bead] == nil {
			touched[e.Bead] = &Touch{Bead: e.Bead}
		}
		touched[e.Bead].take(e)
	}
	known := map[string]bool{}
	ids := slices.Sorted(maps.Keys(touched))
	for part := range slices.Chunk(ids, batchRows) {
		err := q.each(ctx, func(rows *doltdb.Rows) error {
			var id, assignee string
			err := rows.Scan(&id, &assignee)
			if err == nil {
				known[id], touched[id].Assignee = true, assignee
			}
			return err
		}, "SELECT id, COALESCE(assignee, '') FROM issues AS OF 'HEAD' WHERE id IN ("+marks(len(part))+")", anys(part)...)
		if err != nil {
			return err
		}
	}
	for _, id := range ids {
		if known[id] {
			if err := q.may(*touched[id]); err != nil {
				return err
			}
		}
	}
	return nil
}
