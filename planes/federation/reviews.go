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
	// Current is the document now in force; nil when there is none.
	Current *town.Edit
	// Signed: the Town that the proposal names has signed its text. Otherwise nobody knows
	// who wrote it.
	Signed bool
	// Version is what the text that a decision puts in force declares. Whoever decides
	// about a formula sets it.
	Version string
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

// writtenAs is the edit that a proposal is, as its Town has signed it. That of a formula
// lacks the version, so it is never found.
func writtenAs(p town.Proposal) signedBy {
	e := town.Edit{Key: p.Key, Text: p.Text, Revision: p.Revision, Town: p.Town, Author: p.Author}
	return signedBy{statement(e), p.Town}
}

// reviewsOf reads those proposals that are not in force already, with the text in
// force.
func reviewsOf(ctx context.Context, tx *doltdb.Tx, ids []string) (reviews []Review, err error) {
	names := map[town.Kind][]string{}
	var written []signedBy
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		p, id, err := scanProposal(r)
		if err == nil {
			reviews, names[p.Kind] = append(reviews, Review{ID: id, Proposal: p}), append(names[p.Kind], p.Name)
			written = append(written, writtenAs(p))
		}
		return err
	}, "SELECT "+proposalColumns+" FROM proposals WHERE id IN "+placeholders(len(ids))+" ORDER BY name, id", anys(ids)...)
	if err != nil {
		return nil, err
	}
	signed, err := signaturesOf(ctx, tx, "", written)
	if err != nil {
		return nil, err
	}
	rows := map[town.Key][]row{}
	for k, list := range names {
		slices.Sort(list)
		found, err := newestByName(ctx, tx, k, "", slices.Compact(list))
		if err != nil {
			return nil, err
		}
		for name, now := range found {
			rows[town.Key{Kind: k, Name: name}] = now
		}
	}
	for i := range reviews {
		_, reviews[i].Signed = signed[written[i]]
		if now := shown(plain(rows[reviews[i].Key])); now != nil {
			reviews[i].Current = now
		}
	}
	return slices.DeleteFunc(reviews, func(r Review) bool { return settled(r.Proposal, rows[r.Key]) }), nil
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
	now := shown(plain(current))
	if p.Delete {
		return now == nil
	}
	return now != nil && now.Text == p.Text
}

func scanProposal(r scanner) (p town.Proposal, id town.Digest, err error) {
	err = r.Scan(&id, &p.Kind, &p.Name, &p.Delete, &p.Base, &p.Text, &p.Revision, &p.Town, &p.Author)
	return p, id, err
}

// Pick finds the one open review that what names by a document's name, KIND/NAME, or at
// least four characters of the proposal's id.
func Pick(reviews []Review, what string) (Review, error) {
	var found []Review
	for _, r := range reviews {
		if r.Name == what || r.Key.String() == what || (len(what) >= 4 && strings.HasPrefix(string(r.ID), what)) {
			found = append(found, r)
		}
	}
	op := "find the review " + town.Clip(what, 80)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return Review{}, town.Fail(op, "gt federation conflicts list shows the open ones", "%w: no open review has that document or id", town.ErrUsage)
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
		issues := plain(rows[r.Name])
		cur := shown(issues)
		c := s.newChangeset()
		if err := c.rise(ctx, tx, r.Kind, []string{r.Name}); err != nil {
			return err
		}
		if !reach(c.above[r.Key], r.Revision) {
			r.Revision = 0 // whoever wrote it wants nothing to come after it
		}
		next, change, err := s.decide(r, outcome, merged, cur)
		if err != nil {
			return err
		}
		if change && next != nil {
			next.Revision = max(next.Revision, c.after(r.Key, 0))
		}
		result := town.Digest("")
		switch {
		case !change:
		case r.Kind == town.KindTemplate:
			// Issues stay, so nothing is archived.
			added := town.Edit{Key: r.Key, Revision: 1, Town: s.Town, Author: s.Author}
			if next != nil {
				added.Text = next.Text
			}
			if before := last(issues); before != nil {
				added.Revision = before.Revision + 1
			}
			added.Revision = max(added.Revision, c.after(r.Key, 0))
			issued := issue(FileEdit{Key: r.Key, Removed: next == nil}, &added, issues)
			c.append = append(c.append, *issued)
			c.sign(*issued)
		default:
			if cur != nil {
				c.retain(*cur)
			}
			c.force(r.Key, next)
			if next != nil {
				c.sign(*next)
			} else {
				c.remove(*cur)
			}
		}
		if next != nil {
			result = next.Content()
		}
		v := Resolution{Proposal: r.ID, Outcome: outcome, Result: result, Town: s.Town, Author: s.Author}
		c.statements = append(c.statements, v.ID())
		if err := c.write(ctx, tx); err != nil {
			return err
		}
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
	next = s.edit(FileEdit{Key: r.Key, Text: text, Version: r.Version}, cur)
	next.Revision = revision + 1
	return next, true, nil
}
