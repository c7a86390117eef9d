package ledger

import (
	"context"
	"strings"
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
	Commit string `json:"commit"`
	// Committer is who wrote the commit: its author.
	Committer string    `json:"committer"`
	At        time.Time `json:"commit_date"`
}

// Versions returns the states of a bead in the history of the database, newest
// first, for at most limit commits that changed it (0: all), whoever wrote them. As
// in git, a merge counts only where the bead differs from that of every parent. It
// reads every commit, so it is slow where there are many.
func (s *Store) Versions(ctx context.Context, id string, limit int) (all []Version, err error) {
	err = s.read(ctx, func(q txn) error {
		changed, err := q.changers(ctx, id)
		if err != nil || len(changed) == 0 {
			return err
		}
		all = nil
		err = q.each(ctx, func(rows *doltdb.Rows) error {
			var v Version
			err := rows.Scan(&v.Commit, &v.Committer, timeTo{&v.At})
			if changed[v.Commit] && (limit == 0 || len(all) < limit) {
				all = append(all, v)
			}
			return err
		}, "SELECT commit_hash, COALESCE(NULLIF(author, ''), committer), date FROM dolt_log")
		if err != nil {
			return err
		}
		cols := Fields(nil).columns()
		for i := range all {
			err = q.each(ctx, func(rows *doltdb.Rows) error {
				var dest []any
				for _, c := range cols {
					dest = append(dest, c.into(&all[i].Bead))
				}
				return rows.Scan(dest...)
			}, "SELECT "+names("", cols)+" FROM dolt_history_issues WHERE commit_hash = ? AND id = ?", all[i].Commit, id)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// changers finds the commits that have a bead and at which it differs from that of
// every parent.
func (q txn) changers(ctx context.Context, id string) (map[string]bool, error) {
	var list []string
	for _, c := range Fields(nil).columns() {
		list = append(list, "COALESCE("+c.name+", '')")
	}
	at := map[string]string{}
	err := q.each(ctx, func(rows *doltdb.Rows) error {
		var commit, row string
		err := rows.Scan(&commit, &row)
		at[commit] = row
		return err
	}, "SELECT commit_hash, SHA2(CONCAT_WS('\x1f', "+strings.Join(list, ", ")+"), 256) FROM dolt_history_issues WHERE id = ?", id)
	if err != nil || len(at) == 0 {
		return nil, err
	}
	changed := make(map[string]bool)
	for commit := range at {
		changed[commit] = true
	}
	err = q.each(ctx, func(rows *doltdb.Rows) error {
		var commit string
		var parent *string
		err := rows.Scan(&commit, &parent)
		if err == nil && parent != nil && at[commit] == at[*parent] {
			delete(changed, commit)
		}
		return err
	}, "SELECT commit_hash, parent_hash FROM dolt_commit_ancestors")
	return changed, err
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
	// EligibleEpics are the epics that are not closed and whose children all are.
	EligibleEpics int `json:"epics_eligible_for_closure"`
	// LeadHours is how many hours closed beads were open, on average.
	LeadHours float64 `json:"average_lead_time_hours"`
}

// Stats counts, in one query. With caches the answer is cached.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	h := holding{s.moment(), true}
	if s.caches == nil {
		return s.stats(ctx, h)
	}
	return cached(ctx, s, "stats", []any{h.asOf()}, copyStats, func(ctx context.Context) (Stats, error) { return s.stats(ctx, h) })
}

func (s *Store) stats(ctx context.Context, h holding) (Stats, error) {
	w := &where{}
	w.due(Filter{}, h)
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
			case "epics":
				st.EligibleEpics = n
			case "lead":
				st.LeadHours = float64(n) / 3600
			}
			return nil
		}, h.all()+"SELECT 'status' AS k, status AS v, COUNT(*) AS n FROM issues GROUP BY status"+
			" UNION ALL SELECT 'type' AS k, issue_type AS v, COUNT(*) AS n FROM issues GROUP BY issue_type"+
			" UNION ALL SELECT 'priority' AS k, CAST(priority AS CHAR) AS v, COUNT(*) AS n FROM issues GROUP BY priority"+
			" UNION ALL SELECT 'assignee' AS k, assignee AS v, COUNT(*) AS n FROM issues WHERE status <> 'closed' GROUP BY assignee"+
			" UNION ALL SELECT 'deleted' AS k, '' AS v, COUNT(*) AS n FROM tombstones"+
			" UNION ALL SELECT 'epics' AS k, '' AS v, COUNT(*) AS n FROM ("+childrenOfEpics+") e WHERE e.n = e.done"+
			" UNION ALL SELECT 'lead' AS k, '' AS v, CAST(COALESCE(AVG(TIMESTAMPDIFF(SECOND, created_at, closed_at)), 0) AS SIGNED) AS n FROM issues WHERE status = 'closed'"+
			" UNION ALL SELECT 'held' AS k, '' AS v, COUNT(*) AS n FROM issues i JOIN held ON held.id = i.id AND held.how = 'w' WHERE i.status <> 'closed'"+
			" UNION ALL SELECT 'ready' AS k, '' AS v, COUNT(*) AS n FROM issues i LEFT JOIN held ON held.id = i.id"+
			" WHERE held.id IS NULL AND (i.status = 'open' OR "+h.awake()+") AND "+strings.Join(w.conds, " AND ")+
			" AND i.issue_type NOT IN ("+marks(len(town.ProgramTypes))+")",
			anys(words(town.ProgramTypes))...)
	})
	return st, err
}
