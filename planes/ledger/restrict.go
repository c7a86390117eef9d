package ledger

import (
	"context"
	"slices"

	"gastown/planes/doltdb"
)

// May says whether a caller may change a bead that was assigned to somebody before the
// change; "" is nobody. Its error is returned to the caller, and nothing is written.
type May func(bead, assignee string) error

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
	var ids []string
	for _, e := range r.events {
		if e.Kind != "commented" && e.Bead != TrailSettings && e.Bead != TrailMemories {
			ids = append(ids, e.Bead)
		}
	}
	slices.Sort(ids)
	assignees := map[string]string{}
	ids = slices.Compact(ids)
	for part := range slices.Chunk(ids, batchRows) {
		err := q.each(ctx, func(rows *doltdb.Rows) error {
			var id, assignee string
			err := rows.Scan(&id, &assignee)
			assignees[id] = assignee
			return err
		}, "SELECT id, COALESCE(assignee, '') FROM issues AS OF 'HEAD' WHERE id IN ("+marks(len(part))+")", anys(part)...)
		if err != nil {
			return err
		}
	}
	for _, id := range ids {
		if assignee, known := assignees[id]; known {
			if err := q.may(id, assignee); err != nil {
				return err
			}
		}
	}
	return nil
}
