package operational

import (
	"context"
	"strings"

	"gastown/planes/doltdb"
)

// Latest returns the newest assignment of each of the beads that ever had one, in one
// query. Rows that another program spoilt are left out.
func (s *Store) Latest(ctx context.Context, beads []string) (map[string]Assignment, error) {
	all := map[string]Assignment{}
	if len(beads) == 0 {
		return all, nil
	}
	args := make([]any, len(beads))
	for i, id := range beads {
		args[i] = id
	}
	w := Work{}
	err := s.read(ctx, "the newest assignments", func(rows *doltdb.Rows) error {
		a, err := scanAssignment(rows)
		return put(&w, &w.Assignments, a, err)
	}, "SELECT "+assignmentColumns+" FROM assignments WHERE epoch IN (SELECT MAX(epoch) FROM assignments WHERE bead IN (?"+
		strings.Repeat(", ?", len(beads)-1)+") GROUP BY bead)", args...)
	for _, a := range w.Assignments {
		all[a.Bead] = a
	}
	return all, err
}
