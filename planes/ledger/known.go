package ledger

import (
	"context"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// known is what the creation of beads needs to know of the ledger.
type known struct {
	count  int // of beads
	live   map[string]bool
	gone   map[string]bool
	child  map[string]int // the highest number of a parent's children
	length int
}

func (k *known) has(id string) bool { return k.live[id] || External(id) }

// facts reads how many beads there are, which of the ids that new beads name
// exist or were deleted, and the children of their parents. It takes one query
// for the count, which the engine answers without counting when it is asked for
// alone, and one for the rest.
func (q txn) facts(ctx context.Context, list []NewBead) (*known, error) {
	var ids, parents []string
	for _, n := range list {
		if n.ID != "" {
			ids = append(ids, n.ID)
		}
		for _, d := range n.Dependencies {
			ids = append(ids, d.Target)
		}
		if n.Parent != "" {
			ids, parents = append(ids, n.Parent), append(parents, n.Parent)
		}
	}
	slices.Sort(parents)
	parents = slices.Compact(parents)
	k := &known{live: map[string]bool{}, gone: map[string]bool{}, child: map[string]int{}}
	var err error
	if k.count, err = q.count(ctx, "issues"); err != nil {
		return nil, err
	}
	k.length = town.BeadSuffixLength(k.count + len(list))
	if len(ids) == 0 {
		return k, nil
	}
	var arms []string
	var args []any
	for what, table := range map[string]string{"live": "issues", "gone": "tombstones"} {
		arms = append(arms, "SELECT '"+what+"' AS k, id FROM "+table+" WHERE id IN ("+marks(len(ids))+")")
		args = append(args, anys(ids)...)
	}
	for _, table := range []string{"issues", "tombstones"} {
		for _, p := range parents {
			arms = append(arms, "SELECT 'child' AS k, id FROM "+table+" WHERE id LIKE ?")
			args = append(args, like(p)+".%")
		}
	}
	err = q.each(ctx, func(rows *doltdb.Rows) error {
		var what, id string
		if err := rows.Scan(&what, &id); err != nil {
			return err
		}
		switch what {
		case "live":
			k.live[id] = true
		case "gone":
			k.gone[id] = true
		case "child":
			if parent, n, ok := town.ParentID(id); ok {
				k.child[parent] = max(k.child[parent], n)
			}
		}
		return nil
	}, strings.Join(arms, " UNION ALL "), args...)
	return k, err
}

// inherited returns the labels that new children get, by the id of their parent.
func (q txn) inherited(ctx context.Context, list []NewBead) (map[string][]string, error) {
	var parents []string
	for _, n := range list {
		if n.InheritLabels && n.Parent != "" {
			parents = append(parents, n.Parent)
		}
	}
	labels := map[string][]string{}
	slices.Sort(parents)
	for part := range slices.Chunk(slices.Compact(parents), batchRows) {
		err := q.each(ctx, func(rows *doltdb.Rows) error {
			var id, label string
			err := rows.Scan(&id, &label)
			labels[id] = append(labels[id], label)
			return err
		}, "SELECT issue_id, label FROM labels WHERE issue_id IN ("+marks(len(part))+")", anys(part)...)
		if err != nil {
			return nil, err
		}
	}
	return labels, nil
}

// count returns how many rows there are; from is what follows FROM.
func (q txn) count(ctx context.Context, from string, args ...any) (n int, err error) {
	err = q.each(ctx, func(rows *doltdb.Rows) error { return rows.Scan(intTo{&n}) }, "SELECT COUNT(*) FROM "+from, args...)
	return n, err
}

// name gives a bead its id, and remembers it.
func (k *known) name(b *town.Bead, n NewBead) error {
	switch {
	case n.Parent != "" && !k.live[n.Parent]:
		return &UnknownError{ID: n.Parent, Deleted: k.gone[n.Parent]}
	case n.ID != "":
		if k.live[n.ID] || k.gone[n.ID] {
			return ErrExists
		}
	case n.Parent != "":
		k.child[n.Parent]++
		b.ID = town.ChildID(n.Parent, k.child[n.Parent])
	default:
		prefix := or(n.Prefix, defaultPrefix)
		if err := town.CheckPrefix(prefix); err != nil {
			return err
		}
		b.ID = town.NewBeadID(prefix, k.length)
		for k.live[b.ID] {
			b.ID = town.NewBeadID(prefix, k.length)
		}
	}
	k.live[b.ID] = true
	return nil
}
