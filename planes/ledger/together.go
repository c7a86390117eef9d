package ledger

import (
	"context"
	"errors"
	"slices"

	"gastown/town"
)

// Change is several changes in one commit; see Together. Each of them sees what
// the ones before it did. Their errors are those of the Store's methods of the
// same name, without suggestions.
type Change struct {
	s *Store
	q txn
	// closing are beads that later parts of the change close. They hold nothing up.
	closing []string
}

func (c *Change) edit() *editing {
	e := newEditing(c.s.change())
	e.closing = c.closing
	return e
}

// Together runs fn and commits everything that it changes at once, or nothing if
// fn fails. fn may run again when another writer came first, so it starts from
// scratch each time.
func (s *Store) Together(ctx context.Context, message string, fn func(*Change) error) (err error) {
	for range attempts {
		// As in Create, a random id may be taken.
		err = s.write(ctx, message, func(q txn) error { return fn(&Change{s: s, q: q}) })
		if err == nil || !duplicate(err) {
			break
		}
	}
	return s.withNearest(ctx, err)
}

// Try is Together that takes everything back in the end: it shows whether fn would
// succeed, and with what result.
func (s *Store) Try(ctx context.Context, fn func(*Change) error) error {
	err := s.Together(ctx, "try", func(c *Change) error {
		if err := fn(c); err != nil {
			return err
		}
		return errDryRun
	})
	if errors.Is(err, errDryRun) {
		return nil
	}
	return err
}

// Create makes beads.
func (c *Change) Create(ctx context.Context, list []NewBead) ([]town.Bead, error) {
	return c.s.create(ctx, c.q, list)
}

// Update changes beads.
func (c *Change) Update(ctx context.Context, patches []Patch) ([]town.Bead, error) {
	return c.edit().update(ctx, c.q, patches)
}

// Comment adds a comment to a bead.
func (c *Change) Comment(ctx context.Context, id, text string) (town.Comment, error) {
	return c.CommentAs(ctx, id, "", text)
}

// CommentAs is Comment in the name of another author; see Store.CommentAs.
func (c *Change) CommentAs(ctx context.Context, id, author, text string) (town.Comment, error) {
	return c.s.comment(ctx, c.q, id, author, text)
}

// DepAdd makes links, and returns how many are new.
func (c *Change) DepAdd(ctx context.Context, list []town.Dependency) (int, error) {
	return c.s.depAdd(ctx, c.q, list)
}

// DepRemove removes links, and returns how many there were.
func (c *Change) DepRemove(ctx context.Context, bead, target string, kind town.DepType) (int, error) {
	return c.s.depRemove(ctx, c.q, bead, target, kind)
}

// Get returns the beads with exactly these ids as the change sees them. Ids that do not
// exist are left out.
func (c *Change) Get(ctx context.Context, ids []string, fields Fields) (map[string]Detail, error) {
	found := map[string]*Detail{}
	for part := range slices.Chunk(ids, batchRows) {
		if err := c.q.details(ctx, part, fields, found); err != nil {
			return nil, err
		}
	}
	all := make(map[string]Detail, len(found))
	for id, d := range found {
		d.settle(fields)
		all[id] = *d
	}
	return all, nil
}

// Send stores a message and delivers it to mailboxes; see Store.Send.
func (c *Change) Send(ctx context.Context, m Message, boxes []string) (Message, error) {
	m, boxes, err := c.s.letter(m, boxes)
	if err != nil {
		return Message{}, err
	}
	return c.q.send(ctx, m, boxes, c.s.moment())
}

// Note adds an entry of a kind of its own to a bead's audit trail, and so an event to
// the feed.
func (c *Change) Note(ctx context.Context, bead, kind, text string) error {
	r := c.s.change()
	r.event(bead, kind, "", "", text)
	return r.store(ctx, c.q)
}
