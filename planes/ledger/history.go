package ledger

import (
	"context"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// History is the audit trail of a bead, oldest first. It stays when the bead is
// deleted. An id that never existed has an empty one.
func (s *Store) History(ctx context.Context, id string) (events []town.AuditEntry, err error) {
	err = s.read(ctx, func(q txn) error {
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var e town.AuditEntry
			err := rows.Scan(&e.ID, &e.Bead, &e.Actor, timeTo{&e.At}, &e.Kind, &e.Field, &e.Old, &e.New)
			events = append(events, e)
			return err
		}, "SELECT id, issue_id, actor, created_at, event_type, field, old_value, new_value FROM events WHERE issue_id = ? ORDER BY id", id)
	})
	return events, err
}

// Version is a bead as of a commit of the ledger.
type Version struct {
	town.Bead
	Commit    string    `json:"commit"`
	Committer string    `json:"committer"`
	At        time.Time `json:"commit_date"`
}

// Versions returns the states of a bead in the history of the database, newest
// first, for at most limit commits that changed it (0: all). It reads every
// commit, so it is slow where there are many.
func (s *Store) Versions(ctx context.Context, id string, limit int) (all []Version, err error) {
	cols := Fields(nil).columns()
	err = s.read(ctx, func(q txn) error {
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var v Version
			dest := []any{&v.Commit, &v.Committer, timeTo{&v.At}}
			for _, c := range cols {
				dest = append(dest, c.into(&v.Bead))
			}
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			if n := len(all); n > 0 && all[n-1].UpdatedAt.Equal(v.UpdatedAt) {
				all[n-1] = v // the same state in an earlier commit: that one made it
				return nil
			}
			all = append(all, v)
			return nil
		}, "SELECT h.commit_hash, h.committer, h.commit_date, "+names("h.", cols)+
			" FROM dolt_history_issues h WHERE h.id = ? ORDER BY h.updated_at DESC, h.commit_date DESC", id)
	})
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all, err
}

// Stats are the ledger in numbers.
type Stats struct {
	Total      int            `json:"total_issues"`
	ByStatus   map[string]int `json:"by_status"`
	ByType     map[string]int `json:"by_type"`
	ByPriority map[string]int `json:"by_priority"`
	ByAssignee map[string]int `json:"by_assignee"` // open beads; "" is nobody
	Ready      int            `json:"ready_issues"`
	Blocked    int            `json:"blocked_issues"`
	Deleted    int            `json:"deleted_issues"`
}

// Stats counts, in one query. With caches the answer is cached.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	now := stamp(s.moment().Truncate(deferGrain))
	if s.caches == nil {
		return s.stats(ctx, now)
	}
	return cached(ctx, s, "stats", []any{now}, copyStats, func(ctx context.Context) (Stats, error) { return s.stats(ctx, now) })
}

func (s *Store) stats(ctx context.Context, now string) (Stats, error) {
	st := Stats{ByStatus: map[string]int{}, ByType: map[string]int{}, ByPriority: map[string]int{}, ByAssignee: map[string]int{}}
	err := s.read(ctx, func(q txn) error {
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var what, key string
			var n int
			if err := rows.Scan(&what, textTo{&key}, intTo{&n}); err != nil {
				return err
			}
			switch what {
			case "status":
				st.ByStatus[key] = n
				st.Total += n
			case "type":
				st.ByType[key] = n
			case "priority":
				st.ByPriority["P"+key] = n
			case "assignee":
				st.ByAssignee[key] = n
			case "ready":
				st.Ready = n
			case "held":
				st.Blocked = n
			case "deleted":
				st.Deleted = n
			}
			return nil
		}, heldUp+"SELECT 'status' AS k, status AS v, COUNT(*) AS n FROM issues GROUP BY status"+
			" UNION ALL SELECT 'type' AS k, issue_type AS v, COUNT(*) AS n FROM issues GROUP BY issue_type"+
			" UNION ALL SELECT 'priority' AS k, CAST(priority AS CHAR) AS v, COUNT(*) AS n FROM issues GROUP BY priority"+
			" UNION ALL SELECT 'assignee' AS k, assignee AS v, COUNT(*) AS n FROM issues WHERE status <> 'closed' GROUP BY assignee"+
			" UNION ALL SELECT 'deleted' AS k, '' AS v, COUNT(*) AS n FROM tombstones"+
			" UNION ALL SELECT 'held' AS k, '' AS v, COUNT(*) AS n FROM issues i JOIN held ON held.id = i.id WHERE i.status <> 'closed'"+
			" UNION ALL SELECT 'ready' AS k, '' AS v, COUNT(*) AS n FROM issues i LEFT JOIN held ON held.id = i.id"+
			" WHERE held.id IS NULL AND i.status = 'open' AND (i.defer_until IS NULL OR i.defer_until <= ?)"+
			" AND i.issue_type NOT IN ("+marks(len(internalTypes))+")",
			append([]any{now}, anys(words(internalTypes))...)...)
	})
	return st, err
}
