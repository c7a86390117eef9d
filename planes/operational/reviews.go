package operational

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// reviewSchema is the plane's first step.
var reviewSchema = doltdb.Migration{
	Name: "pending reviews",
	Statements: []string{
		`CREATE TABLE pending_reviews (
			proposal CHAR(64) PRIMARY KEY, name VARCHAR(64) NOT NULL, first_seen DATETIME(6) NOT NULL)`,
	},
}

// Review is a proposal that awaits a person.
type Review struct {
	// Proposal is its digest, Name that of the role it is about.
	Proposal town.Digest
	Name     string
	// FirstSeen is when this Town first knew of it: UTC, in microseconds.
	FirstSeen time.Time
}

// Reviews makes the recorded set of open reviews equal to open and returns it,
// oldest first, then by name and digest. A new proposal gets now as its
// FirstSeen; a known one keeps its own, whatever open says. A proposal that is
// not in open is removed. When the set is unchanged nothing is written. An
// invalid digest or name is an error, and changes nothing.
func (s *Store) Reviews(ctx context.Context, open []Review, now time.Time) (_ []Review, err error) {
	want, err := distinct(open)
	if err != nil {
		return nil, err
	}
	// Read before any transaction: a poll that finds nothing new must cost no write.
	var known map[town.Digest]Review
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		known, err = reviews(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if all, changed := merge(known, want, now); !changed {
		return all, nil
	}
	var all []Review
	_, err = s.db.UpdateTables(ctx, "reviews: record what is open", versioned, func(tx *doltdb.Tx) error {
		known, err := reviews(ctx, tx)
		if err != nil {
			return err
		}
		all, _ = merge(known, want, now)
		return replace(ctx, tx, known, all)
	})
	if err != nil {
		return nil, fmt.Errorf("record the open reviews: %w", err)
	}
	return all, nil
}

// distinct checks what the caller says is open, and removes repetitions.
func distinct(open []Review) (map[town.Digest]Review, error) {
	want := make(map[town.Digest]Review, len(open))
	for _, r := range open {
		if !isDigest(r.Proposal) {
			return nil, fmt.Errorf("record the open reviews: %q is not a digest", town.Clip(string(r.Proposal), 80))
		}
		if err := town.CheckName(r.Name); err != nil {
			return nil, fmt.Errorf("record the open reviews: proposal %s: %w", r.Proposal.Short(), err)
		}
		if other, ok := want[r.Proposal]; ok && other.Name != r.Name {
			return nil, fmt.Errorf("record the open reviews: proposal %s is said to be about both %s and %s",
				r.Proposal.Short(), other.Name, r.Name)
		}
		want[r.Proposal] = r
	}
	return want, nil
}

func isDigest(d town.Digest) bool {
	return len(d) == 64 && strings.Trim(string(d), "0123456789abcdef") == ""
}

// merge returns the set that should be recorded, in order, and whether it
// differs from the recorded one.
func merge(known, want map[town.Digest]Review, now time.Time) (all []Review, changed bool) {
	now = now.UTC().Truncate(time.Microsecond)
	changed = len(known) != len(want)
	for id, r := range want {
		old, ok := known[id]
		r.FirstSeen = now
		if ok {
			r.FirstSeen = old.FirstSeen
		}
		changed = changed || !ok || old.Name != r.Name
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Review) int {
		return cmp.Or(a.FirstSeen.Compare(b.FirstSeen), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Proposal, b.Proposal))
	})
	return all, changed
}

// OpenReviews returns the reviews last recorded as open, in no order.
func (s *Store) OpenReviews(ctx context.Context) (all []Review, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		known, err := reviews(ctx, tx)
		for _, r := range known {
			all = append(all, r)
		}
		return err
	})
	return all, err
}

func reviews(ctx context.Context, tx *doltdb.Tx) (map[town.Digest]Review, error) {
	known := map[town.Digest]Review{}
	err := tx.Each(ctx, func(rows *doltdb.Rows) error {
		var r Review
		if err := rows.Scan(&r.Proposal, &r.Name, &r.FirstSeen); err != nil {
			return err
		}
		r.FirstSeen = r.FirstSeen.UTC()
		known[r.Proposal] = r
		return nil
	}, "SELECT proposal, name, first_seen FROM pending_reviews")
	if err != nil {
		return nil, fmt.Errorf("read the open reviews: %w", err)
	}
	return known, nil
}

// replace turns the rows known into the rows all, and writes only what differs.
func replace(ctx context.Context, tx *doltdb.Tx, known map[town.Digest]Review, all []Review) error {
	var put [][]any
	var gone []any
	for _, r := range all {
		if old, ok := known[r.Proposal]; !ok || old.Name != r.Name {
			put = append(put, []any{string(r.Proposal), r.Name, r.FirstSeen.Format(timeFormat)})
		}
		delete(known, r.Proposal)
	}
	for id := range known {
		gone = append(gone, string(id))
	}
	for args := range slices.Chunk(gone, batchRows) {
		query := "DELETE FROM pending_reviews WHERE proposal IN (?" + strings.Repeat(", ?", len(args)-1) + ")"
		if _, err := tx.Exec(ctx, query, args...); err != nil {
			return err
		}
	}
	return write(ctx, tx, doltdb.Replace, "pending_reviews", "proposal, name, first_seen", put)
}
