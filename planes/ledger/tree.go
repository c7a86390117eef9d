package ledger

import (
	"context"

	"gastown/town"
)

// maxTreeDepth bounds a tree, whatever the caller asks for.
const maxTreeDepth = 50

// Node is one line of a dependency tree.
type Node struct {
	town.Bead
	// Depth is 0 for the root; Via is the id of the bead above.
	Depth int    `json:"depth"`
	Via   string `json:"parent_id"`
	// Type is the type of the link to the bead above.
	Type town.DepType `json:"dependency_type,omitempty"`
	// Seen says that the bead was expanded higher up.
	Seen bool `json:"truncated"`
}

// DepTree walks the links from a bead to what it depends on or, with up, to
// what depends on it, at most depth levels (0: as far as possible). It returns
// the tree in the order in which it is printed. A bead that is reached twice is
// expanded once. It takes one query for each level.
func (s *Store) DepTree(ctx context.Context, id string, up bool, depth int) ([]Node, error) {
	if depth <= 0 || depth > maxTreeDepth {
		depth = maxTreeDepth
	}
	fields := append(LineFields(), "created_at", "updated_at", "dependencies")
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
