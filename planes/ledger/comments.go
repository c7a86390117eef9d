package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/town"
)

// Comment adds a comment to a bead.
func (s *Store) Comment(ctx context.Context, id, text string) (town.Comment, error) {
	return s.CommentAs(ctx, id, "", text)
}

// CommentAs is Comment in the name of another author; "" is the Store's actor, which
// is also in the audit trail.
func (s *Store) CommentAs(ctx context.Context, id, author, text string) (town.Comment, error) {
	var c town.Comment
	err := s.write(ctx, "comment on "+id, func(q txn) (err error) {
		c, err = s.comment(ctx, q, id, author, text)
		return err
	})
	if err != nil {
		return town.Comment{}, fmt.Errorf("comment on %s: %w", town.Clip(id, 80), s.withNearest(ctx, err))
	}
	return c, nil
}

// comment adds a comment in a transaction.
func (s *Store) comment(ctx context.Context, q txn, id, author, text string) (town.Comment, error) {
	r := s.change()
	c := town.Comment{Author: author, Text: text}
	r.completeComment(&c, id)
	if err := c.Validate(); err != nil {
		return c, err
	}
	live, _, err := q.ends(ctx, []string{id})
	if err != nil {
		return c, err
	}
	if !live[id] {
		return c, &BatchError{[]Entry{{ID: id, Err: &UnknownError{ID: id}}}}
	}
	r.notes = append(r.notes, c)
	r.event(id, "commented", "", "", text)
	if err := q.touch(ctx, r.at, []string{id}); err != nil {
		return c, err
	}
	return c, r.store(ctx, q)
}

// commentIDLength is how many characters of a comment's digest its id is.
const commentIDLength = 24

// commentID derives a comment's id from its content, so that repeating an
// import adds nothing.
func commentID(c town.Comment) string {
	return string(town.DigestOf(c.Bead, c.Author, stamp(c.CreatedAt), c.Text))[:commentIDLength]
}

func (r *rows) completeComment(c *town.Comment, bead string) {
	c.Bead = bead
	c.Author, c.CreatedAt = or(c.Author, r.actor), orTime(c.CreatedAt, r.at)
	if c.ID == "" {
		c.ID = commentID(*c)
	}
}

// numbered reports whether an id is a number. Databases that count give the
// same number to unrelated comments.
func numbered(id string) bool { return id != "" && strings.Trim(id, "0123456789.-+") == "" }

// mergeComments adds incoming comments to existing ones, which stay as they
// are. An incoming comment that has the id of a different text gets an id
// derived from its content; one that exists already is left out.
func mergeComments(here, coming []town.Comment) []town.Comment {
	all := slices.Clone(here)
	texts, contents := map[string]string{}, map[string]bool{}
	for _, c := range here {
		texts[c.ID], contents[commentID(c)] = c.Text, true
	}
	for _, c := range coming {
		if text, taken := texts[c.ID]; taken && text != c.Text {
			c.ID = commentID(c)
		}
		if _, taken := texts[c.ID]; taken || contents[c.ID] {
			continue
		}
		texts[c.ID] = c.Text
		all = append(all, c)
	}
	return all
}
