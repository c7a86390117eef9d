package ledger

import (
	"context"

	"gastown/planes/doltdb"
)

// WithDependents returns the ids of beads, of their children and of the beads that wait
// for them, of the children of those, and so on, in one query. Ids are full ones; those
// of no bead are left out.
func (s *Store) WithDependents(ctx context.Context, ids []string) (all []string, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = s.read(ctx, func(q txn) error {
		all = nil
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var id string
			err := rows.Scan(&id)
			all = append(all, id)
			return err
		}, "WITH RECURSIVE below (id) AS (SELECT id FROM issues WHERE id IN ("+marks(len(ids))+")"+
			" UNION SELECT d.issue_id FROM below JOIN dependencies d ON d.depends_on_id = below.id"+
			" WHERE d.type IN ('blocks', 'parent-child', 'conditional-blocks', 'waits-for'))"+
			" SELECT id FROM below ORDER BY id", anys(ids)...)
	})
	return all, err
}
