package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Counts are how many beads a filter selects.
type Counts struct {
	Total int `json:"total"`
	// Groups are sorted by name. A bead with several labels is in several groups.
	Groups []Group `json:"groups"`
}

// Group is the beads that have something in common.
type Group struct {
	Name  string `json:"group"`
	Count int    `json:"count"`
}

// groupings are what beads can be counted by: the name of each group, and what is
// joined for it.
var groupings = map[string]struct{ name, join string }{
	"status":   {name: "i.status"},
	"type":     {name: "i.issue_type"},
	"priority": {name: "CONCAT('P', i.priority)"},
	"assignee": {name: "CASE WHEN i.assignee = '' THEN '(unassigned)' ELSE i.assignee END"},
	"label":    {name: "COALESCE(l.label, '(no labels)')", join: " LEFT JOIN labels l ON l.issue_id = i.id"},
}

// Count counts the beads that the filter selects, in one query. by is "" for the
// total alone, or status, type, priority, assignee or label. Limit, Offset, Sort
// and Fields of the filter are ignored.
func (s *Store) Count(ctx context.Context, f Filter, by string) (Counts, error) {
	w := f.conditions(s.moment())
	query, args := "SELECT '' AS g, COUNT(*) AS n, 1 AS whole FROM issues i"+w.String(), w.args
	if by != "" {
		g, ok := groupings[by]
		if !ok {
			return Counts{}, fmt.Errorf("%w: beads are not counted by %q", town.ErrUsage, town.Clip(by, 40))
		}
		query += " UNION ALL SELECT x.g AS g, COUNT(*) AS n, 0 AS whole FROM (SELECT " + g.name + " AS g FROM issues i" + g.join + w.String() + ") x GROUP BY x.g"
		args = slices.Concat(args, args)
	}
	counts := Counts{Groups: []Group{}}
	err := s.read(ctx, func(q txn) error {
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var g Group
			var whole int
			err := rows.Scan(textTo{&g.Name}, intTo{&g.Count}, intTo{&whole})
			if whole == 1 {
				counts.Total = g.Count
			} else {
				counts.Groups = append(counts.Groups, g)
			}
			return err
		}, query, args...)
	})
	slices.SortFunc(counts.Groups, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return counts, err
}
