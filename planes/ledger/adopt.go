package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Held is what the ledger holds of an id.
type Held struct {
	// Bead is nil where there is none. Deleted says that there was one.
	Bead    *town.Bead
	Deleted bool
	// Updated are the times of update of the bead's states, present and former, and
	// of those that Adopt merged into it.
	Updated []time.Time
}

// Taken is what Adopt stores of a bead.
type Taken struct {
	Bead town.Bead
	// State is when the state that was taken over was updated; zero for unknown.
	// Later calls list it in Held.Updated.
	State time.Time
}

// Known says of each id whether the ledger has a bead of it (true) or had one that
// was deleted (false). Ids that it never had are missing.
func (s *Store) Known(ctx context.Context, ids []string) (map[string]bool, error) {
	known := map[string]bool{}
	err := s.read(ctx, func(q txn) error {
		for part := range slices.Chunk(ids, batchRows) {
			for _, t := range []struct {
				table string
				alive bool
			}{{"tombstones", false}, {"issues", true}} {
				err := q.each(ctx, func(rows *doltdb.Rows) error {
					var id string
					err := rows.Scan(&id)
					known[id] = t.alive
					return err
				}, "SELECT id FROM "+t.table+" WHERE id IN ("+marks(len(part))+")", anys(part)...)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	return known, err
}

// Contains reports whether the ledger's history has a commit.
func (s *Store) Contains(ctx context.Context, commit string) (contained bool, err error) {
	if _, err := doltdb.AsOf(commit); err != nil {
		return false, err
	}
	err = s.read(ctx, func(q txn) error {
		l, err := q.lineage(ctx, commit, "HEAD")
		contained = l == Direct
		return err
	})
	return contained, err
}

// Adopt takes over beads that this Town recorded earlier and the ledger may have
// lost, in one commit. decide is called for each id, maybe more than once; it
// returns what to store, or nil to leave what is there. Adopt checks the bead, adds
// its comments to those that are there, and leaves links as they are. It returns the
// ids that it stored.
func (s *Store) Adopt(ctx context.Context, ids []string, decide func(id string, h Held) (*Taken, error)) (stored []string, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	if len(ids) == 0 {
		return nil, nil
	}
	err = s.write(ctx, fmt.Sprintf("adopt up to %d beads", len(ids)), func(q txn) error {
		stored = nil
		in := &importing{rows: s.change(), opts: ImportOptions{Force: true}, result: &ImportResult{}}
		here, gone, err := in.load(ctx, q, ids)
		if err != nil {
			return err
		}
		updated, err := q.updated(ctx, ids, here)
		if err != nil {
			return err
		}
		for _, id := range ids {
			h := Held{Deleted: gone[id] != nil, Updated: updated[id]}
			old := here[id]
			if old != nil {
				b := old.Bead.Clone()
				h.Bead = &b
			}
			taken, err := decide(id, h)
			if err != nil {
				return err
			}
			if taken == nil {
				continue
			}
			b := &taken.Bead
			if old != nil {
				b.Dependencies = links(id, old.Dependencies, false)
			}
			tidy(b)
			if err := b.Validate(); err != nil {
				return err
			}
			stored = append(stored, id)
			if !taken.State.IsZero() {
				in.event(id, "imported", "updated_at", "", stamp(taken.State))
			}
			if old != nil {
				in.replace(old, b)
				continue
			}
			in.add(b)
			in.event(id, "imported", "", "", "")
		}
		return in.store(ctx, q)
	})
	return stored, err
}

// updated reads the times of update of all states of beads that exist, and of those
// that were taken over.
func (q txn) updated(ctx context.Context, ids []string, here map[string]*Detail) (map[string][]time.Time, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return here[id] == nil })
	times := map[string][]time.Time{}
	for part := range slices.Chunk(ids, batchRows) {
		for _, query := range []string{
			"SELECT DISTINCT id, updated_at FROM dolt_history_issues WHERE id IN (" + marks(len(part)) + ")",
			"SELECT issue_id, new_value FROM events WHERE event_type = 'imported' AND field = 'updated_at' AND issue_id IN (" + marks(len(part)) + ")",
		} {
			err := q.each(ctx, func(rows *doltdb.Rows) error {
				var id string
				var at time.Time
				err := rows.Scan(&id, timeTo{&at})
				times[id] = append(times[id], at)
				return err
			}, query, anys(part)...)
			if err != nil {
				return nil, err
			}
		}
	}
	return times, nil
}
