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

// batchRows is how many rows one statement writes or removes.
const batchRows = 500

// timeFormat is how first_seen is written: UTC, in microseconds.
const timeFormat = "2006-01-02 15:04:05.000000"

// Review is a proposal that awaits a person.
type Review struct {
	// Proposal is its digest, Name the name of the role it is about.
	Proposal town.Digest
	Name     string
	// FirstSeen is when this Town first knew of it: UTC, in microseconds.
	FirstSeen time.Time
}

// Reviews makes the recorded set of open reviews equal to open and returns it,
// oldest first, then by name and digest. A proposal that is new here gets now
// as its FirstSeen; one that was known keeps its own, whatever open says. One
// that is not in open is forgotten. When the set is as recorded nothing is
// written. A digest or name that cannot be one changes nothing.
func (s *Store) Reviews(ctx context.Context, open []Review, now time.Time) (_ []Review, err error) {
	want, err := distinct(open)
	if err != nil {
		return nil, err
	}
	// Read before any transaction: this process owns the database, and a poll
	// that finds nothing new must cost no write.
	var known map[town.Digest]Review
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		known, err = reviews(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if all, changed := join(known, want, now); !changed {
		return all, nil
	}
	var all []Review
	_, err = s.Update(ctx, "reviews: record what is open", func(tx *doltdb.Tx) error {
		known, err := reviews(ctx, tx)
		if err != nil {
			return err
		}
		all, _ = join(known, want, now)
		return replace(ctx, tx, known, all)
	})
	if err != nil {
		return nil, fmt.Errorf("record the open reviews: %w", err)
	}
	return all, nil
}

// distinct checks what the caller says is open; it may say a thing twice.
func distinct(open []Review) (map[town.Digest]Review, error) {
	want := make(map[town.Digest]Review, len(open))
	for _, r := range open {
		if !isDigest(r.Proposal) {
			return nil, fmt.Errorf("record the open reviews: %q is no digest", town.Clip(string(r.Proposal), 80))
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

// join is the set that should be recorded, in order, and whether it differs
// from the one that is.
func join(known, want map[town.Digest]Review, now time.Time) (all []Review, changed bool) {
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

// replace turns the rows known into the rows all, touching only what differs.
func replace(ctx context.Context, tx *doltdb.Tx, known map[town.Digest]Review, all []Review) error {
	var put, gone []any
	for _, r := range all {
		if old, ok := known[r.Proposal]; !ok || old.Name != r.Name {
			put = append(put, string(r.Proposal), r.Name, r.FirstSeen.Format(timeFormat))
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
	for args := range slices.Chunk(put, 3*batchRows) {
		query := "REPLACE INTO pending_reviews VALUES (?, ?, ?)" + strings.Repeat(", (?, ?, ?)", len(args)/3-1)
		if _, err := tx.Exec(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}
