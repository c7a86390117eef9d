package ledger

import (
	"context"
	"fmt"

	"gastown/town"
)

// Comment adds a comment to a bead.
func (s *Store) Comment(ctx context.Context, id, text string) (town.Comment, error) {
	var c town.Comment
	err := s.write(ctx, "comment on "+id, func(q session) error {
		r := s.change()
		c = town.Comment{Text: text}
		r.completeComment(&c, id)
		if err := c.Validate(); err != nil {
			return err
		}
		live, _, err := q.ends(ctx, []string{id})
		if err != nil {
			return err
		}
		if !live[id] {
			return &BatchError{[]Entry{{ID: id, Err: &UnknownError{ID: id}}}}
		}
		r.notes = append(r.notes, c)
		r.event(id, "commented", "", "", text)
		if err := q.touch(ctx, r.at, []string{id}); err != nil {
			return err
		}
		return r.store(ctx, q)
	})
	if err != nil {
		return town.Comment{}, fmt.Errorf("comment on %s: %w", town.Clip(id, 80), s.withNearest(ctx, err))
	}
	return c, nil
}
