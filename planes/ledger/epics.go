package ledger

import (
	"context"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Epic is an epic that is not closed, with how far its children are.
type Epic struct {
	Bead     town.Bead `json:"epic"`
	Children int       `json:"total_children"`
	Closed   int       `json:"closed_children"`
	// Eligible says that it has children and all of them are closed.
	Eligible bool `json:"eligible_for_close"`
}

// childrenOfEpics selects, for each epic that is not closed, how many children it
// has and how many of them are closed.
const childrenOfEpics = "SELECT d.depends_on_id AS id, COUNT(*) AS n, SUM(CASE WHEN c.status = 'closed' THEN 1 ELSE 0 END) AS done" +
	" FROM dependencies d JOIN issues e ON e.id = d.depends_on_id JOIN issues c ON c.id = d.issue_id" +
	" WHERE d.type = 'parent-child' AND e.issue_type = 'epic' AND e.status <> 'closed' GROUP BY d.depends_on_id"

// Epics returns the epics that are not closed, most urgent first, in two queries.
func (s *Store) Epics(ctx context.Context) ([]Epic, error) {
	type progress struct{ all, closed int }
	children := map[string]progress{}
	err := s.read(ctx, func(q txn) error {
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var id string
			var p progress
			err := rows.Scan(&id, intTo{&p.all}, intTo{&p.closed})
			children[id] = p
			return err
		}, childrenOfEpics)
	})
	epics := []Epic{}
	if err == nil {
		open := Filter{Types: []town.BeadType{town.TypeEpic}, Not: []town.Status{town.StatusClosed}}
		err = s.List(ctx, open, func(i Item) error {
			p := children[i.ID]
			epics = append(epics, Epic{Bead: i.Bead, Children: p.all, Closed: p.closed, Eligible: p.all > 0 && p.closed == p.all})
			return nil
		})
	}
	return epics, err
}
