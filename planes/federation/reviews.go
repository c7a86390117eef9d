package federation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Outcome is what a reviewer chose.
type Outcome string

// The outcomes of a review, named like the command's flags: ours is the proposal's
// text, theirs the text in force.
const (
	OutcomeOurs   Outcome = "ours"
	OutcomeTheirs Outcome = "theirs"
	OutcomeMerged Outcome = "merged"
)

// Resolution is the record of a review. It is content-addressed: when two Towns
// decide at once there are two records, and the role's rows are a conflict.
type Resolution struct {
	Proposal town.Digest
	Outcome  Outcome
	// Result is the content digest of the text that was put in force; "" when
	// the role was removed or nothing changed.
	Result town.Digest
	Town   town.ID
	Author string
}

// ID is the digest of everything in the resolution.
func (r Resolution) ID() town.Digest {
	return town.DigestOf(string(r.Proposal), string(r.Outcome), string(r.Result), string(r.Town), r.Author)
}

// Review is an open proposal beside the text now in force.
type Review struct {
	ID town.Digest
	town.Proposal
	// Current is the role now in force; nil when there is none.
	Current *town.Edit
}

// maxReviews and maxReviewBytes bound how many open proposals are read, and their
// texts together. The others follow when these are decided.
const (
	maxReviews     = 1000
	maxReviewBytes = 64 << 20
)

// Reviews lists the proposals that await a person, by role and then by id. A
// proposal that is already in force is not among them.
func (s *Store) Reviews(ctx context.Context) (reviews []Review, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		reviews, err = openReviews(ctx, tx)
		return err
	})
	return reviews, err
}

// reviewsAtOnce is how many proposals one statement reads; each may have two texts of
// 1 MiB.
const reviewsAtOnce = 32

func openReviews(ctx context.Context, tx *doltdb.Tx) (reviews []Review, err error) {
	ids, err := openProposals(ctx, tx)
	if err != nil {
		return nil, err
	}
	total := 0
	for batch := range slices.Chunk(ids, reviewsAtOnce) {
		part, err := reviewsOf(ctx, tx, batch)
		if err != nil {
			return nil, err
		}
		for _, r := range part {
			reviews = append(reviews, r)
			total += len(r.Text) + len(r.Base)
		}
		if len(reviews) >= maxReviews || total >= maxReviewBytes {
			break
		}
	}
	return reviews, nil
}

// reviewsOf reads those proposals that are not in force already, with the text in
// force.
func reviewsOf(ctx context.Context, tx *doltdb.Tx, ids []string) (reviews []Review, err error) {
	var names []string
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		p, id, err := scanProposal(r)
		if err == nil {
			reviews, names = append(reviews, Review{ID: id, Proposal: p}), append(names, p.Name)
		}
		return err
	}, "SELECT "+proposalColumns+" FROM proposals WHERE id IN "+placeholders(len(ids))+" ORDER BY name, id", anys(ids)...)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	rows, err := editsByName(ctx, tx, town.KindRole, "", slices.Compact(names))
	if err != nil {
		return nil, err
	}
	for i := range reviews {
		if found := rows[reviews[i].Name]; len(found) > 0 {
			reviews[i].Current = &found[0].Edit
		}
	}
	return slices.DeleteFunc(reviews, func(r Review) bool { return settled(r.Proposal, rows[r.Name]) }), nil
}

// openProposals lists the ids of proposals that no resolution names, by role
// and then by id. It reads no text.
func openProposals(ctx context.Context, tx *doltdb.Tx) (ids []string, err error) {
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		var id, name string
		err := r.Scan(&id, &name)
		ids = append(ids, id)
		return err
	}, "SELECT id, name FROM proposals WHERE id NOT IN (SELECT proposal FROM resolutions) ORDER BY name, id")
	return ids, err
}

// settled reports that the proposal is already in force.
func settled(p town.Proposal, current []row) bool {
	if p.Delete {
		return len(current) == 0
	}
	return len(current) > 0 && current[0].Text == p.Text
}

func scanProposal(r scanner) (p town.Proposal, id town.Digest, err error) {
	err = r.Scan(&id, &p.Kind, &p.Name, &p.Delete, &p.Base, &p.Text, &p.Revision, &p.Town, &p.Author)
	return p, id, err
}

// Pick finds the one open review that what names by a role's name, role/NAME, or at
// least four characters of the proposal's id.
func Pick(reviews []Review, what string) (Review, error) {
	name := strings.TrimPrefix(what, "role/")
	var found []Review
	for _, r := range reviews {
		if r.Name == name || (len(what) >= 4 && strings.HasPrefix(string(r.ID), what)) {
			found = append(found, r)
		}
	}
	op := "find the review " + town.Clip(what, 80)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return Review{}, town.Fail(op, "gt federation conflicts list shows the open ones", "%w: no open review has that role or id", town.ErrUsage)
	}
	ids := make([]string, len(found))
	for i, r := range found {
		ids[i] = r.ID.Short()
	}
	return Review{}, town.Fail(op, "name one by its id: "+strings.Join(ids, ", "), "%w: %d reviews are open for it", town.ErrUsage, len(found))
}

// Resolve puts a review's outcome in force and records it, in one commit. merged is
// the text for OutcomeMerged, which the caller has checked.
func (s *Store) Resolve(ctx context.Context, r Review, outcome Outcome, merged, message string) (commit string, err error) {
	return s.db.Update(ctx, message, func(tx *doltdb.Tx) error {
		rows, err := editsByName(ctx, tx, r.Kind, "", []string{r.Name})
		if err != nil {
			return err
		}
		var cur *town.Edit
		if found := rows[r.Name]; len(found) > 0 {
			cur = &found[0].Edit
		}
		next, change, err := s.decide(r, outcome, merged, cur)
		if err != nil {
			return err
		}
		c := newChangeset()
		result := town.Digest("")
		if change {
			if cur != nil {
				c.retain(*cur)
			}
			c.force(r.Key, next)
		}
		if next != nil {
			result = next.Content()
		}
		if err := c.write(ctx, tx); err != nil {
			return err
		}
		v := Resolution{Proposal: r.ID, Outcome: outcome, Result: result, Town: s.Town, Author: s.Author}
		return write(ctx, tx, doltdb.InsertNew, "resolutions", "id, proposal, outcome, result, town, author",
			[][]any{{string(v.ID()), string(v.Proposal), string(v.Outcome), string(v.Result), string(v.Town), v.Author}})
	})
}

// decide gives the row that an outcome puts in force, and whether it differs from
// cur.
func (s *Store) decide(r Review, outcome Outcome, merged string, cur *town.Edit) (next *town.Edit, change bool, err error) {
	text := merged
	switch outcome {
	case OutcomeTheirs:
		return cur, false, nil
	case OutcomeOurs:
		if r.Delete {
			return nil, cur != nil, nil
		}
		text = r.Text
	case OutcomeMerged:
	default:
		return nil, false, fmt.Errorf("%w: unknown outcome %q", town.ErrUsage, outcome)
	}
	if cur != nil && cur.Text == text {
		return cur, false, nil
	}
	revision := r.Revision
	if cur != nil {
		revision = max(revision, cur.Revision)
	}
	return &town.Edit{Key: r.Key, Text: text, Revision: revision + 1, Town: s.Town, Author: s.Author}, true, nil
}
