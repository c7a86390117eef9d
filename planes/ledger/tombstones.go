package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Tombstone is a deleted bead with everything that belonged to it.
type Tombstone struct {
	Bead      town.Bead `json:"bead"`
	DeletedAt time.Time `json:"deleted_at"`
	DeletedBy string    `json:"deleted_by"`
	Reason    string    `json:"delete_reason,omitempty"`
}

// buried is a bead as a tombstone stores it, with the links that led to it.
type buried struct {
	town.Bead
	Extra      map[string]json.RawMessage `json:"extra,omitempty"`
	Dependents []town.Dependency          `json:"dependents,omitempty"`
}

// Delete deletes beads, all or none, in one commit. Tombstones retain them,
// with their labels, comments and links, until Restore. Their ids are not used
// again. Beads that depended on them no longer wait for them.
func (s *Store) Delete(ctx context.Context, ids []string, reason string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := town.CheckText("reason", reason, town.MaxTextBytes); err != nil {
		return err
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	message := fmt.Sprintf("delete %d beads", len(ids))
	if len(ids) == 1 {
		message = "delete " + ids[0]
	}
	err := s.write(ctx, message, func(q txn) error {
		r := s.change()
		found := map[string]*Detail{}
		for part := range slices.Chunk(ids, batchRows) {
			if err := q.details(ctx, part, nil, found); err != nil {
				return err
			}
		}
		var bad batch
		var graves [][]any
		for i, id := range ids {
			d := found[id]
			if d == nil {
				bad.add(i, 0, id, &UnknownError{ID: id})
				continue
			}
			d.settle(nil)
			text, err := json.Marshal(bury(d))
			if err != nil {
				return fmt.Errorf("delete %s: %w", id, err)
			}
			graves = append(graves, []any{id, stamp(r.at), r.actor, reason, string(text)})
			r.event(id, "deleted", "", d.Title, reason)
		}
		if err := bad.err(); err != nil {
			return err
		}
		err := writeRows(ctx, q, doltdb.Insert, "tombstones", "id, deleted_at, deleted_by, reason, bead", graves, func(v []any) []any { return v })
		for _, place := range [][2]string{
			{"labels", "issue_id"}, {"dependencies", "issue_id"}, {"dependencies", "depends_on_id"}, {"comments", "issue_id"}, {"issues", "id"},
		} {
			if err == nil {
				err = remove(ctx, q, place[0], place[1], ids)
			}
		}
		if err != nil {
			return err
		}
		return r.store(ctx, q)
	})
	return s.withNearest(ctx, err)
}

// restoreExtra gives the bead the fields that JSON keeps beside it.
func (b *buried) restoreExtra() {
	b.Bead.Extra = b.Extra
	promote(&b.Bead)
}

func bury(d *Detail) buried {
	b := buried{Bead: d.Bead, Extra: d.Extra}
	b.Bead.Dependencies = links(d.ID, d.Dependencies, false)
	b.Dependents = links(d.ID, d.Dependents, true)
	return b
}

// links are the links of a detail in the form of the database.
func links(id string, list []Linked, up bool) []town.Dependency {
	var all []town.Dependency
	for _, l := range list {
		d := town.Dependency{Bead: id, Target: l.ID, Type: l.Type, CreatedAt: l.LinkedAt, CreatedBy: l.LinkedBy, Metadata: l.LinkMetadata, Thread: l.Thread}
		if up {
			d.Bead, d.Target = l.ID, id
		}
		all = append(all, d)
	}
	return all
}

// parents are the parents of beads, by the child's id.
type parents map[string]string

// add records the parents that links say.
func (p parents) add(links []town.Dependency) {
	for _, d := range links {
		if d.Type == town.DepParent {
			p[d.Bead] = d.Target
		}
	}
}

// moved reports whether a link that led to a deleted bead may not come back, because the
// child has another parent now.
func (p parents) moved(d town.Dependency) bool {
	is := p[d.Bead]
	return d.Type == town.DepParent && is != "" && is != d.Target
}

// parents reads the parents of beads.
func (q txn) parents(ctx context.Context, ids []string) (parents, error) {
	found := parents{}
	for part := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), batchRows) {
		list, err := q.scanLinks(ctx, "SELECT issue_id, depends_on_id, type FROM dependencies WHERE type = ? AND issue_id IN ("+marks(len(part))+")",
			append([]any{string(town.DepParent)}, anys(part)...)...)
		if err != nil {
			return nil, err
		}
		found.add(list)
	}
	return found, nil
}

// Restore brings deleted beads back, with their links to beads that exist. A former child
// that has another parent by now keeps that one.
// Errors are a BatchError: ErrAlive, UnknownError, ErrCycle.
func (s *Store) Restore(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	err := s.write(ctx, fmt.Sprintf("restore %d beads", len(ids)), func(q txn) error {
		r := s.change()
		graves, err := q.tombstones(ctx, ids)
		if err != nil {
			return err
		}
		var missing []string
		ends := slices.Clone(ids)
		for _, id := range ids {
			b, ok := graves[id]
			if !ok {
				missing = append(missing, id)
				continue
			}
			for _, d := range slices.Concat(b.Dependencies, b.Dependents) {
				ends = append(ends, d.Bead, d.Target)
			}
		}
		live, _, err := q.ends(ctx, ends)
		if err != nil {
			return err
		}
		var bad batch
		for _, id := range missing {
			err := error(&UnknownError{ID: id})
			if live[id] {
				err = ErrAlive
			}
			bad.add(slices.Index(ids, id), 0, id, err)
		}
		if err := bad.err(); err != nil {
			return err
		}
		parents, err := q.parents(ctx, ends)
		if err != nil {
			return err
		}
		for _, id := range ids {
			live[id] = true
			parents.add(graves[id].Dependencies)
		}
		for _, id := range ids {
			b := graves[id]
			b.restoreExtra()
			all := slices.Concat(b.Dependencies, b.Dependents)
			b.Bead.Dependencies = slices.DeleteFunc(all, func(d town.Dependency) bool {
				return !live[d.Bead] || b.Bead.ID != d.Bead && (!live[d.Target] || parents.moved(d))
			})
			r.add(&b.Bead)
			r.event(id, "restored", "", "", b.Title)
		}
		if err := remove(ctx, q, "tombstones", "id", ids); err != nil {
			return err
		}
		if err := q.link(ctx, r.links, func(c closing) (int, int) { return max(slices.Index(ids, c.link.Bead), 0), 0 }); err != nil {
			return err
		}
		return r.store(ctx, q)
	})
	return s.withNearest(ctx, err)
}

func (q txn) tombstones(ctx context.Context, ids []string) (map[string]*buried, error) {
	graves := map[string]*buried{}
	for part := range slices.Chunk(ids, batchRows) {
		err := q.each(ctx, func(rows *doltdb.Rows) error {
			var id, text string
			if err := rows.Scan(&id, &text); err != nil {
				return err
			}
			graves[id] = &buried{}
			return json.Unmarshal([]byte(text), graves[id])
		}, "SELECT id, bead FROM tombstones WHERE id IN ("+marks(len(part))+")", anys(part)...)
		if err != nil {
			return nil, err
		}
	}
	return graves, nil
}
