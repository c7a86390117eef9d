package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Renaming says which ids RenamePrefix gives another prefix.
type Renaming struct {
	// From is the prefix that goes; "" means every other prefix than To.
	From, To string
	// DryRun finds out what would be renamed, and changes nothing.
	DryRun bool
}

// Renamed is the former and the new id of a bead.
type Renamed struct {
	Old string `json:"old_id"`
	New string `json:"new_id"`
}

// RenamePrefix gives beads ids with another prefix, in one commit: the beads, what
// belongs to them, links to them, their history, and where the texts of beads name
// them. A rig whose prefix is renamed keeps it under the new name. Dates stay as
// they are. An id that is taken, also by a deleted bead, is a BatchError with
// ErrExists.
func (s *Store) RenamePrefix(ctx context.Context, how Renaming) (renamed []Renamed, err error) {
	if err := town.CheckPrefix(how.To); err != nil {
		return nil, err
	}
	err = s.write(ctx, fmt.Sprintf("rename the prefix %s to %s", or(how.From, "of all"), how.To), func(q txn) error {
		if renamed, err = q.renaming(ctx, how); err != nil || how.DryRun || len(renamed) == 0 {
			return err
		}
		return s.rename(ctx, q, how, renamed)
	})
	return renamed, err
}

// renaming finds the new ids.
func (q txn) renaming(ctx context.Context, how Renaming) (renamed []Renamed, err error) {
	taken := map[string]bool{}
	var ids []string
	for _, table := range []string{"tombstones", "issues"} {
		ids = nil
		err := q.each(ctx, func(rows *doltdb.Rows) error {
			var id string
			err := rows.Scan(&id)
			taken[id] = true
			ids = append(ids, id)
			return err
		}, "SELECT id FROM "+table+" ORDER BY id")
		if err != nil {
			return nil, err
		}
	}
	var bad batch
	for i, id := range ids { // of issues, which was read last
		root, _, _ := strings.Cut(id, ".")
		prefix := town.PrefixOf(root)
		if prefix == how.To || prefix == "" || how.From != "" && prefix != how.From {
			continue
		}
		name := how.To + id[len(prefix):]
		if err := town.CheckBeadID(name); err != nil {
			bad.add(i, 0, id, err)
		} else if taken[name] {
			bad.add(i, 0, id, fmt.Errorf("%w: %s", ErrExists, name))
		}
		taken[name] = true
		renamed = append(renamed, Renamed{id, name})
	}
	return renamed, bad.err()
}

// idColumns are the columns that hold ids of beads.
var idColumns = [...][2]string{
	{"issues", "id"}, {"labels", "issue_id"}, {"dependencies", "issue_id"}, {"dependencies", "depends_on_id"},
	{"comments", "issue_id"}, {"events", "issue_id"},
}

// renameRows is how many ids one statement renames.
const renameRows = 200

func (s *Store) rename(ctx context.Context, q txn, how Renaming, renamed []Renamed) error {
	if err := s.renameTexts(ctx, q, renamed); err != nil {
		return err
	}
	for part := range slices.Chunk(renamed, renameRows) {
		var cases strings.Builder
		var pairs, olds []any
		for _, r := range part {
			cases.WriteString(" WHEN ? THEN ?")
			pairs, olds = append(pairs, r.Old, r.New), append(olds, r.Old)
		}
		for _, c := range idColumns {
			_, err := q.exec(ctx, "UPDATE "+c[0]+" SET "+c[1]+" = CASE "+c[1]+cases.String()+" END WHERE "+c[1]+" IN ("+marks(len(part))+")",
				slices.Concat(pairs, olds)...)
			if err != nil {
				return err
			}
		}
	}
	if how.From != "" {
		if _, err := q.exec(ctx, "UPDATE prefixes SET prefix = ? WHERE prefix = ?", how.To, how.From); err != nil {
			return err
		}
	}
	r := s.change()
	for _, n := range renamed {
		r.event(n.New, "updated", "id", n.Old, n.New)
	}
	return r.store(ctx, q)
}

// renameTexts renames the ids in the texts of all beads.
func (s *Store) renameTexts(ctx context.Context, q txn, renamed []Renamed) error {
	names := make(map[string]string, len(renamed))
	for _, r := range renamed {
		names[r.Old] = r.New
	}
	texts := [...]string{"title", "description", "design", "acceptance_criteria", "notes", "close_reason"}
	type row struct {
		id    string
		texts [len(texts)]string
	}
	var changed []row
	err := q.each(ctx, func(rows *doltdb.Rows) error {
		var now row
		dest := []any{&now.id}
		for i := range now.texts {
			dest = append(dest, textTo{&now.texts[i]})
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		was := now.texts
		for i := range now.texts {
			now.texts[i] = replaceIDs(now.texts[i], func(id string) string { return or(names[id], id) })
		}
		if now.texts != was {
			changed = append(changed, now)
		}
		return nil
	}, "SELECT id, "+strings.Join(texts[:], ", ")+" FROM issues")
	if err != nil {
		return err
	}
	for _, c := range changed {
		args := append(anys(c.texts[:]), c.id)
		if _, err := q.exec(ctx, "UPDATE issues SET "+strings.Join(texts[:], " = ?, ")+" = ? WHERE id = ?", args...); err != nil {
			return err
		}
	}
	return nil
}
