package ledger

import (
	"context"
	"fmt"

	"gastown/planes/doltdb"
	"gastown/town"
)

// maxTreeDepth bounds a tree whatever the caller asks for.
const maxTreeDepth = 50

// Node is one line of a dependency tree.
type Node struct {
	town.Bead
	// Depth is 0 for the root; Via is the id of the bead above.
	Depth int    `json:"depth"`
	Via   string `json:"parent_id,omitempty"`
	// Type is the link to the bead above.
	Type town.DepType `json:"dependency_type,omitempty"`
	// Seen says that the bead stands higher up already, with what is below it.
	Seen bool `json:"truncated,omitempty"`
}

// DepTree walks the links from a bead to what it depends on or, with up, to
// what depends on it, at most depth levels (0: as far as possible), and returns
// the tree in the order it is printed. A bead that is reached twice is expanded
// once. It takes one query for each level.
func (s *Store) DepTree(ctx context.Context, id string, up bool, depth int) ([]Node, error) {
	if depth <= 0 || depth > maxTreeDepth {
		depth = maxTreeDepth
	}
	fields := Fields{"title", "status", "priority", "issue_type", "assignee", "dependencies"}
	if up {
		fields[len(fields)-1] = "dependents"
	}
	below := map[string][]Linked{}
	var root *Detail
	for level, ids := 0, []string{id}; level <= depth && len(ids) > 0; level++ {
		found, err := s.get(ctx, ids, fields)
		if err != nil {
			return nil, err
		}
		if level == 0 {
			if root = found[id]; root == nil {
				err := error(&BatchError{[]Entry{{ID: id, Err: &UnknownError{ID: id}}}})
				return nil, s.withNearest(ctx, err)
			}
		}
		var next []string
		for _, id := range ids {
			below[id] = nil
			if d := found[id]; d != nil {
				below[id] = d.Dependencies
				if up {
					below[id] = d.Dependents
				}
			}
		}
		for _, id := range ids {
			for _, l := range below[id] {
				if _, known := below[l.ID]; !known {
					below[l.ID] = nil
					next = append(next, l.ID)
				}
			}
		}
		ids = next
	}
	var nodes []Node
	seen := map[string]bool{}
	var walk func(Node)
	walk = func(n Node) {
		n.Seen = seen[n.ID] && len(below[n.ID]) > 0
		nodes = append(nodes, n)
		if seen[n.ID] || n.Depth == depth {
			return
		}
		seen[n.ID] = true
		for _, l := range below[n.ID] {
			walk(Node{Bead: l.Bead, Depth: n.Depth + 1, Via: n.ID, Type: l.Type})
		}
	}
	walk(Node{Bead: root.Bead})
	return nodes, nil
}

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
		if _, err := q.exec(ctx, "UPDATE issues SET updated_at = ? WHERE id = ?", stamp(r.at), id); err != nil {
			return err
		}
		return r.store(ctx, q)
	})
	if err != nil {
		return town.Comment{}, fmt.Errorf("comment on %s: %w", town.Clip(id, 80), s.withNearest(ctx, err))
	}
	return c, nil
}

// SetPrefix records how the ids of a rig's beads begin; the rig "" is the Town.
// Two rigs never share a prefix.
func (s *Store) SetPrefix(ctx context.Context, rig, prefix string) error {
	if err := town.CheckPrefix(prefix); err != nil {
		return err
	}
	return s.write(ctx, "prefix "+prefix, func(q session) error {
		all, err := q.prefixes(ctx)
		if err != nil {
			return err
		}
		for other, p := range all {
			if p == prefix && other != rig {
				return fmt.Errorf("%w: rig %q has the prefix %s", ErrExists, other, prefix)
			}
		}
		_, err = q.exec(ctx, "REPLACE INTO prefixes (rig, prefix) VALUES (?, ?)", rig, prefix)
		return err
	})
}

// Prefixes returns the prefix of every rig that has one.
func (s *Store) Prefixes(ctx context.Context) (all map[string]string, err error) {
	err = s.read(ctx, func(q session) error {
		all, err = q.prefixes(ctx)
		return err
	})
	return all, err
}

func (q session) prefixes(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	err := q.each(ctx, func(rows *doltdb.Rows) error {
		var rig, prefix string
		err := rows.Scan(&rig, &prefix)
		all[rig] = prefix
		return err
	}, "SELECT rig, prefix FROM prefixes")
	return all, err
}
