package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Lineage says how the older commit of a range stands to the newer one.
type Lineage int

// The lineages of a range of commits.
const (
	// Direct: the newer commit contains the older one.
	Direct Lineage = iota
	// Diverged: the older commit exists, but the newer one does not contain it. The
	// ledger was set back to an earlier commit, or another branch took its place.
	Diverged
	// Unknown: the older commit does not exist in this database.
	Unknown
)

// Changes is what happened to beads between two commits.
type Changes struct {
	Lineage Lineage
	// Trail are the entries of the audit trail that the newer commit has and the
	// older one has not, by the time they were made.
	Trail []town.AuditEntry
	// Omitted is how many older entries the limit left out; OmittedUntil is the
	// time of the newest of them.
	Omitted      int64
	OmittedUntil time.Time
	// Vanished is how many entries only the older commit of a Diverged range has.
	Vanished int64
	// Foreign are the beads of a Direct range that differ without an entry in the audit trail:
	// another program wrote them. At most as many as the limit, by id.
	Foreign []ForeignChange
}

// ForeignChange is a difference of a bead that no audit trail explains.
type ForeignChange struct {
	Bead, Title string
	// Difference is added, modified or removed.
	Difference string
	// Committer and At are the author and the time of the last commit that changed the
	// bead; of the newest commit of the range where it has more than maxTraced.
	Committer string
	At        time.Time
}

// Changes compares two commits of the ledger, in time that grows with what
// differs. It returns at most limit entries, the newest. Of a Diverged range it
// returns what the newer commit has in addition; of an Unknown one nothing.
func (s *Store) Changes(ctx context.Context, from, to string, limit int) (c Changes, err error) {
	for _, commit := range []string{from, to} {
		if _, err := doltdb.AsOf(commit); err != nil {
			return Changes{}, err
		}
	}
	err = s.read(ctx, func(q txn) error {
		if c.Lineage, err = q.lineage(ctx, from, to); err != nil || c.Lineage == Unknown {
			return err
		}
		// With literals the engine can plan the scan; they were checked above.
		diff := fmt.Sprintf("FROM dolt_diff('%s', '%s', 'events') WHERE diff_type = 'added'", from, to)
		if err := q.trail(ctx, &c, "to_", diff, nil, limit); err != nil {
			return err
		}
		if c.Lineage == Direct {
			return q.foreign(ctx, &c, from, to, limit)
		}
		return q.each(ctx, func(rows *doltdb.Rows) error { return rows.Scan(&c.Vanished) },
			fmt.Sprintf("SELECT COUNT(*) FROM dolt_diff('%s', '%s', 'events') WHERE diff_type = 'removed'", from, to))
	})
	if err != nil {
		return Changes{}, fmt.Errorf("compare commits %s and %s of the ledger: %w", town.Clip(from, 40), town.Clip(to, 40), err)
	}
	return c, nil
}

// Recent returns the newest entries of the audit trail at a commit that are not
// older than a time, at most limit, oldest first. It reads the whole trail.
func (s *Store) Recent(ctx context.Context, commit string, since time.Time, limit int) (entries []town.AuditEntry, err error) {
	asOf, err := doltdb.AsOf(commit)
	if err != nil {
		return nil, err
	}
	var c Changes
	err = s.read(ctx, func(q txn) error {
		return q.trail(ctx, &c, "", "FROM events"+asOf+" WHERE created_at >= ?", []any{stamp(since)}, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit trail of the ledger: %w", err)
	}
	return c.Trail, nil
}

// lineage finds out how two commits stand to each other.
func (q txn) lineage(ctx context.Context, from, to string) (Lineage, error) {
	known, contained := 0, false
	err := q.each(ctx, func(rows *doltdb.Rows) error { return rows.Scan(&known) },
		"SELECT COUNT(*) FROM dolt_commits WHERE commit_hash = ?", from)
	if err != nil || known == 0 {
		return Unknown, err
	}
	err = q.each(ctx, func(rows *doltdb.Rows) error { return rows.Scan(&contained) },
		fmt.Sprintf("SELECT HAS_ANCESTOR('%s', '%s')", to, from))
	if err != nil || contained {
		return Direct, err
	}
	return Diverged, nil
}

// trail reads entries of the audit trail, newest first, and puts them in order.
// The id of an entry begins with its time and its place in its change.
func (q txn) trail(ctx context.Context, c *Changes, prefix, from string, args []any, limit int) error {
	var cols []string
	for _, name := range []string{"id", "issue_id", "actor", "created_at", "event_type", "field", "old_value", "new_value"} {
		cols = append(cols, prefix+name)
	}
	query := fmt.Sprintf("SELECT %s %s ORDER BY %sid DESC LIMIT %d", strings.Join(cols, ", "), from, prefix, limit+1)
	err := q.each(ctx, func(rows *doltdb.Rows) error {
		var e town.AuditEntry
		err := rows.Scan(&e.ID, &e.Bead, &e.Actor, timeTo{&e.At}, &e.Kind, &e.Field, &e.Old, &e.New)
		c.Trail = append(c.Trail, e)
		return err
	}, query, args...)
	if err != nil {
		return err
	}
	if len(c.Trail) > limit {
		c.OmittedUntil = c.Trail[limit].At
		c.Trail = c.Trail[:limit]
		var all int64
		err := q.each(ctx, func(rows *doltdb.Rows) error { return rows.Scan(&all) }, "SELECT COUNT(*) "+from, args...)
		if err != nil {
			return err
		}
		c.Omitted = all - int64(limit)
	}
	slices.Reverse(c.Trail)
	return nil
}

// foreign finds beads that differ although no entry of the trail names them. The
// date of a bead alone is no difference: links and comments of others move it.
func (q txn) foreign(ctx context.Context, c *Changes, from, to string, limit int) error {
	if c.Omitted > 0 {
		return nil // the entries that would explain a difference are not all here
	}
	explained := make(map[string]bool, len(c.Trail))
	for _, e := range c.Trail {
		explained[e.Bead] = true
	}
	query := fmt.Sprintf("SELECT COALESCE(to_id, from_id), COALESCE(to_title, from_title), diff_type FROM dolt_diff('%s', '%s', 'issues')"+
		" WHERE diff_type <> 'modified' OR to_title <> from_title OR to_status <> from_status OR to_assignee <> from_assignee"+
		" OR to_priority <> from_priority OR to_issue_type <> from_issue_type OR to_owner <> from_owner ORDER BY 1", from, to)
	err := q.each(ctx, func(rows *doltdb.Rows) error {
		var f ForeignChange
		err := rows.Scan(&f.Bead, &f.Title, &f.Difference)
		if err == nil && !explained[f.Bead] && len(c.Foreign) < limit {
			c.Foreign = append(c.Foreign, f)
		}
		return err
	}, query)
	if err != nil || len(c.Foreign) == 0 {
		return err
	}
	return q.credit(ctx, c.Foreign, from, to)
}

// maxTraced is how many commits of a range are examined to find who changed what.
const maxTraced = 256

// credit finds out who made changes between two commits.
func (q txn) credit(ctx context.Context, changes []ForeignChange, from, to string) error {
	type commit struct {
		hash, who string
		at        time.Time
	}
	var commits []commit // newest first
	err := q.each(ctx, func(rows *doltdb.Rows) error {
		var c commit
		err := rows.Scan(&c.hash, &c.who, timeTo{&c.at})
		commits = append(commits, c)
		return err
	}, fmt.Sprintf("SELECT commit_hash, COALESCE(NULLIF(author, ''), committer), date FROM dolt_log('%s', '--not', '%s') LIMIT %d", to, from, maxTraced+1))
	if err != nil || len(commits) == 0 {
		return err
	}
	left := make(map[string]*ForeignChange, len(changes))
	for i := range changes {
		changes[i].Committer, changes[i].At = commits[0].who, commits[0].at
		left[changes[i].Bead] = &changes[i]
	}
	if len(commits) > maxTraced {
		return nil
	}
	for i, c := range commits {
		before := from
		if i+1 < len(commits) {
			before = commits[i+1].hash
		}
		if len(left) == 0 || len(commits) == 1 {
			return nil
		}
		err := q.each(ctx, func(rows *doltdb.Rows) error {
			var id string
			err := rows.Scan(&id)
			if change := left[id]; change != nil {
				change.Committer, change.At = c.who, c.at
				delete(left, id)
			}
			return err
		}, fmt.Sprintf("SELECT COALESCE(to_id, from_id) FROM dolt_diff('%s', '%s', 'issues')", before, c.hash))
		if err != nil {
			return err
		}
	}
	return nil
}
