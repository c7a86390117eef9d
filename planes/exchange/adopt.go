package exchange

import (
	"context"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/share"
	"gastown/town"
)

// A Town may be older than what it published, because it was restored from a copy.
// Then the remote has rows of this Town that this store does not know. They are told
// from forged ones by the commits that wrote them: each commit of a Town names it.

// trailer ends the messages of the commits that a Town makes, and names it.
const trailer = "\n\nTown: "

// message is a commit's message with the Town's trailer.
func (s *Store) message(text string) string { return text + trailer + string(s.Town) }

// publishedBy begins the message of a commit that writes records of a Town. Former
// versions wrote no trailer, so the Town's name tells whose commit it is.
const publishedBy = "records of Town "

// claims reports whether a commit with that message says that this Town made it.
// names are the names that the Town has had.
func (s *Store) claims(message string, names map[string]bool) bool {
	if text, id, ok := strings.Cut(message, trailer); ok {
		return id == string(s.Town) && text != ""
	}
	name, ok := strings.CutPrefix(message, publishedBy)
	return ok && names[name]
}

// attribute finds out which of this Town's records that differ between two
// revisions were last written by a commit of this Town. ids are all that differ.
func (s *Store) attribute(ctx context.Context, tx *doltdb.Tx, base, theirs string, ids map[string]bool) (mine map[string]bool, err error) {
	names, err := s.names(ctx, tx, base, theirs)
	if err != nil {
		return nil, err
	}
	type commit struct {
		hash, message string
		parents       []string
	}
	var log []commit
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		var c commit
		var parents string
		err := r.Scan(&c.hash, &c.message, &parents)
		for p := range strings.SplitSeq(parents, ",") {
			if p = strings.TrimSpace(p); p != "" {
				c.parents = append(c.parents, p)
			}
		}
		log = append(log, c)
		return err
	}, "SELECT commit_hash, message, parents FROM dolt_log(?, '--not', ?, '--parents')", theirs, base)
	if err != nil {
		return nil, err
	}
	mine = map[string]bool{}
	left := len(ids)
	decided := map[string]bool{}
	for _, c := range log { // the newest first
		if left == 0 {
			break
		}
		var wrote map[string]bool
		for i, p := range c.parents {
			changed, err := s.changedOwn(ctx, tx, p, c.hash)
			if err != nil {
				return nil, err
			}
			if i == 0 {
				wrote = changed
				continue
			}
			// A row that is as in one of the parents was not written here.
			for id := range wrote {
				if !changed[id] {
					delete(wrote, id)
				}
			}
		}
		for id := range wrote {
			if ids[id] && !decided[id] {
				decided[id] = true
				left--
				if s.claims(c.message, names) {
					mine[id] = true
				}
			}
		}
	}
	return mine, nil
}

// names are the names of this Town at two revisions.
func (s *Store) names(ctx context.Context, tx *doltdb.Tx, revisions ...string) (map[string]bool, error) {
	names := map[string]bool{}
	for _, revision := range revisions {
		asOf, err := doltdb.AsOf(revision)
		if err != nil {
			return nil, err
		}
		err = tx.Each(ctx, func(r *doltdb.Rows) error {
			var name string
			err := r.Scan(&name)
			names[name] = true
			return err
		}, "SELECT name FROM towns"+asOf+" WHERE id = ?", string(s.Town))
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// changedOwn lists this Town's records that differ between two commits.
func (s *Store) changedOwn(ctx context.Context, tx *doltdb.Tx, from, to string) (map[string]bool, error) {
	ids := map[string]bool{}
	d := difference{tx: tx, from: from, to: to}
	err := d.each(ctx, "beads", "COALESCE(to_town, from_town), COALESCE(to_id, from_id)", "", func(r *doltdb.Rows) error {
		var owner, id string
		err := r.Scan(&owner, &id)
		if owner == string(s.Town) {
			ids[id] = true
		}
		return err
	})
	return ids, err
}

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
