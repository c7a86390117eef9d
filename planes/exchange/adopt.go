package exchange

import (
	"context"

	"gastown/planes/doltdb"
	"gastown/sync/share"
	"gastown/town"
)

// A Town may be older than what it published, because it was restored from a copy. Then
// the remote has rows of this Town that this store does not know. Its signature tells
// them from forged ones, and their revision from those that it has replaced since.

// Records reads this Town's records with those ids. A record whose content does not
// match its digest is left out.
func (s *Store) Records(ctx context.Context, ids []string) (map[string]share.Record, error) {
	found, wanted := map[string]share.Record{}, map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	err := s.db.View(ctx, func(tx *doltdb.Tx) error {
		clear(found)
		return own(ctx, tx, "", s.Town, func(r row) {
			if wanted[r.ID] && r.stored == r.Digest(s.Town) {
				found[r.ID] = r.Record
			}
		})
	})
	return found, err
}

// Former reads the states that each of this Town's records with those ids has had,
// the newest first.
func (s *Store) Former(ctx context.Context, ids []string) (map[string][]share.Record, error) {
	former := map[string][]share.Record{}
	err := s.db.View(ctx, func(tx *doltdb.Tx) error {
		clear(former)
		for _, id := range ids {
			seen := map[town.Digest]bool{}
			err := tx.Each(ctx, func(rows *doltdb.Rows) error {
				r, err := scanRow(rows)
				if err == nil && !seen[r.stored] && r.stored == r.Digest(s.Town) {
					seen[r.stored] = true
					former[id] = append(former[id], r.Record)
				}
				return err
			}, "SELECT "+columns("")+" FROM dolt_history_beads WHERE town = ? AND id = ? ORDER BY commit_date DESC", string(s.Town), id)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return former, err
}
