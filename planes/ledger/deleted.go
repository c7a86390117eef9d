package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Tombstones returns the deleted beads that the filter selects, the last
// deleted first. Its Limit and Offset are used, its Sort and Fields are not. It
// takes one query.
func (s *Store) Tombstones(ctx context.Context, f Filter) (all []Tombstone, err error) {
	w := f.buried(s.moment())
	query := "SELECT i.bead, i.deleted_at, i.deleted_by, i.reason FROM (" + graves + ") i" + w.String() + " ORDER BY i.deleted_at DESC, i.id" + f.bounds()
	err = s.read(ctx, func(q txn) error {
		all = nil
		keep := cut(f, func(t Tombstone) error {
			all = append(all, t)
			return nil
		})
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var t Tombstone
			var text string
			if err := rows.Scan(&text, timeTo{&t.DeletedAt}, &t.DeletedBy, &t.Reason); err != nil {
				return err
			}
			var b buried
			if err := json.Unmarshal([]byte(text), &b); err != nil {
				return fmt.Errorf("read what was deleted: %w", err)
			}
			b.restoreExtra()
			t.Bead = b.Bead
			return keep(t)
		}, query, w.args...)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return all, err
}

// graves are the tombstones with the columns that a filter compares, extracted
// from the JSON of each bead.
var graves = func() string {
	cols := []string{"id", "bead", "deleted_at", "deleted_by", "reason"}
	for _, c := range columns {
		value := fmt.Sprintf("JSON_UNQUOTE(JSON_EXTRACT(bead, '$.%s'))", c.name)
		switch c.name {
		case "id", "estimated_minutes":
			continue
		case "spec_id":
		case "metadata", "extra":
			value = fmt.Sprintf("JSON_EXTRACT(bead, '$.%s')", c.name)
		case "ephemeral", "is_template", "pinned":
			value = "CASE WHEN " + value + " IN ('true', '1') THEN 1 END"
		case "priority":
			value = "CAST(" + value + " AS SIGNED)"
		case "created_at", "updated_at", "closed_at", "due_at", "defer_until":
			value = "CAST(REPLACE(REPLACE(" + value + ", 'T', ' '), 'Z', '') AS DATETIME(6))"
		default:
			value = "COALESCE(" + value + ", '')" // a field that is empty is left out
		}
		cols = append(cols, value+" AS "+c.name)
	}
	return "SELECT " + strings.Join(cols, ", ") + " FROM tombstones"
}()

// buried is the filter as SQL about graves, whose labels and links are in the
// JSON.
func (f Filter) buried(now time.Time) *where {
	w := f.own(now)
	w.combine(f, func(part Filter) *where { return part.buried(now) })
	const labelled = "COALESCE(JSON_CONTAINS(i.bead, JSON_QUOTE(?), '$.labels'), 0)"
	for _, l := range f.Labels {
		w.add(labelled+" = 1", l)
	}
	if len(f.AnyLabels) > 0 {
		w.add("("+strings.Repeat(labelled+" = 1 OR ", len(f.AnyLabels)-1)+labelled+" = 1)", anys(f.AnyLabels)...)
	}
	for _, l := range f.NotLabels {
		w.add(labelled+" = 0", l)
	}
	if f.Parent != "" {
		w.add("COALESCE(JSON_CONTAINS(i.bead, JSON_ARRAY(JSON_OBJECT('depends_on_id', ?, 'type', ?)), '$.dependencies'), 0) = 1", f.Parent, string(town.DepParent))
	}
	if f.NoLabels {
		w.add("COALESCE(JSON_LENGTH(i.bead, '$.labels'), 0) = 0")
	}
	if f.NoParent {
		w.add("COALESCE(JSON_CONTAINS(i.bead, JSON_ARRAY(JSON_OBJECT('issue_id', i.id, 'type', ?)), '$.dependencies'), 0) = 0", string(town.DepParent))
	}
	return w
}
