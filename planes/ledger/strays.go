package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// maxStrays is how many statuses that no setting names are read.
const maxStrays = 50

// strays returns the statuses of beads that are not among the known ones. It looks only
// at the gaps that the known ones leave in idx_status, which are empty as a rule.
func (q txn) strays(ctx context.Context, known []town.Status) (list []town.Status, err error) {
	err = q.each(ctx, func(rows *doltdb.Rows) error {
		var status string
		err := rows.Scan(&status)
		list = append(list, town.Status(status))
		return err
	}, straysQuery(known), anys(words(known))...)
	return list, err
}

func straysQuery(known []town.Status) string {
	return fmt.Sprintf("SELECT DISTINCT status FROM issues WHERE status NOT IN (%s) ORDER BY status LIMIT %d", marks(len(known)), maxStrays)
}

// hasType reports whether a bead has a type. The query is not among Queries.
func (s *Store) hasType(ctx context.Context, kind town.BeadType) (found bool, err error) {
	uncounted := &Store{db: s.db, session: s.session}
	err = uncounted.read(ctx, func(q txn) error {
		return q.each(ctx, func(*doltdb.Rows) error { found = true; return nil }, "SELECT 1 FROM issues WHERE issue_type = ? LIMIT 1", string(kind))
	})
	return found, err
}

// checkRemoval refuses a value of CustomStatuses or CustomTypes without a word that
// beads have. The value was another one before; other settings are not looked at.
func (q txn) checkRemoval(ctx context.Context, name, was, value string) error {
	column, kept := "status", words(town.Statuses)
	next := "bd list --all --status NAME lists them; bd update ID --status WORD gives them another"
	switch name {
	case CustomStatuses:
	case CustomTypes:
		column, kept = "issue_type", words(town.BeadTypes)
		next = "bd list --all --type NAME lists them; bd update ID --type WORD gives them another"
	default:
		return nil
	}
	kept = append(kept, customWords(value)...)
	removed := slices.DeleteFunc(customWords(was), func(w string) bool { return slices.Contains(kept, w) })
	if len(removed) == 0 {
		return nil
	}
	var used []string
	err := q.each(ctx, func(rows *doltdb.Rows) error {
		var word string
		var beads int
		err := rows.Scan(&word, &beads)
		used = append(used, fmt.Sprintf("%s (%d)", word, beads))
		return err
	}, "SELECT "+column+", COUNT(*) FROM issues WHERE "+column+" IN ("+marks(len(removed))+") GROUP BY "+column+" ORDER BY "+column, anys(removed)...)
	if err != nil || len(used) == 0 {
		return err
	}
	return town.Fail("set "+name, next, "%w: it must keep what beads have: %s", town.ErrUsage, strings.Join(used, ", "))
}
