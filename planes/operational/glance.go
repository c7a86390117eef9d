package operational

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Glance is the whole plane as far as it tells how the Town is: who works on what,
// and what the Deacon's checks found.
type Glance struct {
	Work
	// Checks are the last known states of the checks, by name.
	Checks []CheckState `json:"checks"`
	// Unsaid are the workers that, by the last patrol, seem to be done but did not run
	// gt done.
	Unsaid []Watched `json:"unsaid"`
	// Alerts are those that fire, in the order of their names, without labels.
	Alerts []Alert `json:"alerts"`
	// Queries is how many queries it took.
	Queries int `json:"-"`
}

// VerdictUnsaid is the verdict of a patrol about a worker that seems to be done with its
// bead but did not run gt done.
const VerdictUnsaid = "finished-unsaid"

// glanceQuery is workQuery with the states of checks, with workers that do not say that
// they are done, and with alerts.
const glanceQuery = workQuery +
	" UNION ALL SELECT 'c', 0, name, '', '', 0, state, FALSE, 0, figure, '', '', '', '', since, since FROM check_states" +
	" UNION ALL SELECT 'w', epoch, '', rig, agent, run, verdict, FALSE, nudges, cause, evidence, '', '', '', since, since FROM watched WHERE verdict = '" + VerdictUnsaid + "'" +
	" UNION ALL SELECT 'l', 0, name, '', '', 0, severity, FALSE, 0, fingerprint, summary, source, '', '', since, changed FROM alerts WHERE ended IS NULL"

// Glance reads each table once, in two queries.
func (s *Store) Glance(ctx context.Context) (Glance, error) {
	w, queries, err := s.work(ctx, glanceQuery)
	g := Glance{Work: w, Checks: w.checks, Alerts: w.alerts, Queries: queries}
	for _, one := range w.unsaid { // those of former assignments are left out
		if a, ok := w.HeldBy(one.Agent); ok && a.Run == one.Run && a.Epoch == one.Epoch {
			g.Unsaid = append(g.Unsaid, one)
		}
	}
	g.checks, g.unsaid, g.alerts = nil, nil, nil
	slices.SortFunc(g.Alerts, func(a, b Alert) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	slices.SortFunc(g.Unsaid, func(a, b Watched) int { return cmp.Compare(a.Agent.String(), b.Agent.String()) })
	slices.SortFunc(g.Checks, func(a, b CheckState) int { return cmp.Compare(a.Name, b.Name) })
	return g, err
}

// HeldBy returns the assignment that holds an agent, in one query. found is false
// when it has none.
func (s *Store) HeldBy(ctx context.Context, address town.Address) (a Assignment, found bool, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		a, err = scanAssignment(tx.QueryRow(ctx, "SELECT "+assignmentColumns+" FROM assignments WHERE open_agent = ?", address.String()))
		return err
	})
	switch {
	case errors.Is(err, doltdb.ErrNoRows):
		return Assignment{}, false, nil
	case err != nil:
		return Assignment{}, false, fmt.Errorf("read the assignment of %s: %w", address, err)
	}
	return a, true, nil
}
