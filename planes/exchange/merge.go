package exchange

import (
	"context"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Merge merges the revision theirs, which CheckIncoming has passed with this Arrival: each
// row becomes the higher one of both sides. It returns the new tip.
func (s *Store) Merge(ctx context.Context, base, ours, theirs, message string, a Arrival) (commit string, err error) {
	if base == ours && a.clean() {
		return theirs, s.db.FastForward(ctx, theirs)
	}
	return s.db.Merge(ctx, doltdb.Merge{Theirs: theirs, Message: message, Resolve: func(ctx context.Context, tx *doltdb.Tx, conflicts []string) error {
		for _, name := range conflicts {
			if name != beads.name && name != members.name {
				return town.Fail("merge the exchange", "nothing was changed; settle it with the Town that wrote the other side",
					"%w: table %s", doltdb.ErrConflict, name)
			}
			// The engine left our row in place. What stands is decided below.
			if _, err := tx.Exec(ctx, "DELETE FROM dolt_conflicts_"+name); err != nil {
				return err
			}
		}
		return s.settle(ctx, tx, ours, theirs, a)
	}})
}

// working is what a merge in this session has made so far.
const working = "WORKING"

// settle makes every row what was decided: as in theirs, unless it has another fate.
func (s *Store) settle(ctx context.Context, tx *doltdb.Tx, ours, theirs string, a Arrival) error {
	for _, t := range tables {
		if !a.former {
			takes, err := t.differing(ctx, tx, theirs, func(c cell) bool { _, other := a.fates[c]; return !other })
			if err != nil {
				return err
			}
			if err := t.copy(ctx, tx, theirs, takes); err != nil {
				return err
			}
		}
		keeps, err := t.differing(ctx, tx, ours, func(c cell) bool { return a.former || a.fates[c].keep })
		if err != nil {
			return err
		}
		if err := t.copy(ctx, tx, ours, keeps); err != nil {
			return err
		}
	}
	return s.sweep(ctx, tx, a)
}

// sweep removes the rows that go.
func (s *Store) sweep(ctx context.Context, tx *doltdb.Tx, a Arrival) error {
	for _, t := range tables {
		var gone []cell
		for c, f := range a.fates {
			if c.table == t.name && !f.keep {
				gone = append(gone, c)
			}
		}
		if err := t.remove(ctx, tx, gone); err != nil {
			return err
		}
		if where, args := s.revokedRows(t); where != "" {
			if _, err := tx.Exec(ctx, "DELETE FROM "+t.name+where, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// differing lists rows that the merge made other than they are at a revision.
func (t table) differing(ctx context.Context, tx *doltdb.Tx, revision string, wanted func(cell) bool) (cells []cell, err error) {
	err = difference{tx: tx, from: revision, to: working}.each(ctx, t.name, t.keys("to_")+", "+t.keys("from_"), "", func(r *doltdb.Rows) error {
		c, err := t.scanCell(r)
		if err == nil && wanted(c) {
			cells = append(cells, c)
		}
		return err
	})
	return cells, err
}

func (t table) remove(ctx context.Context, tx *doltdb.Tx, cells []cell) error {
	return t.groups(cells, func(where string, args []any) error {
		_, err := tx.Exec(ctx, "DELETE FROM "+t.name+where, args...)
		return err
	})
}

// copy makes rows what they are at a revision. Their values do not leave the database.
func (t table) copy(ctx context.Context, tx *doltdb.Tx, revision string, cells []cell) error {
	asOf, err := doltdb.AsOf(revision)
	if err != nil {
		return err
	}
	if err := t.remove(ctx, tx, cells); err != nil {
		return err
	}
	list := commas(t.columns)
	return t.groups(cells, func(where string, args []any) error {
		_, err := tx.Exec(ctx, "INSERT INTO "+t.name+" ("+list+") SELECT "+list+" FROM "+t.name+asOf+where, args...)
		return err
	})
}

// Rewind moves the plane back to a commit that it contains. Later commits are
// lost, and no Push sends them.
func (s *Store) Rewind(ctx context.Context, to string) error { return s.db.Rewind(ctx, to) }

// PutApart commits rows that another program wrote into the plane without a commit,
// and leaves that commit on a branch of its own, which nothing sends. The caller
// takes the plane back to what was there before (Rewind). It returns "" when there
// are no such rows.
func (s *Store) PutApart(ctx context.Context) (branch string, err error) {
	commit, err := s.db.CommitOthers(ctx)
	if err != nil || commit == "" {
		return "", err
	}
	branch = "others-" + commit[:8]
	return branch, s.db.Keep(ctx, branch)
}
