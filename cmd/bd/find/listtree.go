package find

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/planes/ledger"
)

// leaf is a bead of a list with its parent.
type leaf struct {
	ledger.Item
	Parent string `json:"parent,omitempty"`
}

// listTree prints the beads that a filter selects, children below their parents. A
// child whose parent was not selected is printed at the top level. It takes two
// queries.
func (o *listOptions) listTree(ctx context.Context, r session.Reader, f ledger.Filter) error {
	if o.fields != "" {
		return errors.New("--tree prints lines, --fields a table: use one of them")
	}
	var leaves []leaf
	var ids []string
	err := o.query(ctx, r, f, func(i ledger.Item) error {
		leaves = append(leaves, leaf{Item: i})
		ids = append(ids, i.ID)
		return nil
	})
	if err != nil {
		return err
	}
	parents, err := parentsOf(ctx, r, ids)
	if err != nil {
		return err
	}
	leaves = slices.DeleteFunc(leaves, func(l leaf) bool {
		_, there := parents[l.ID]
		return !there
	})
	for i := range leaves {
		leaves[i].Parent = parents[leaves[i].ID]
	}
	if o.call.JSON {
		if leaves == nil {
			leaves = []leaf{}
		}
		return o.call.Show(leaves, nil)
	}
	p := o.call.Printer(o.call.Stdout)
	count := view.Tally{}
	for _, branch := range grow(leaves) {
		count[branch.Status]++
		view.Bead(p, strings.Repeat("  ", branch.depth), branch.Bead, "")
	}
	o.total(p, count)
	return p.Flush()
}

// parentsOf reads the parent of each bead. A bead that was deleted after it was
// listed is missing from the result.
func parentsOf(ctx context.Context, r session.Reader, ids []string) (map[string]string, error) {
	parents := map[string]string{}
	for len(ids) > 0 {
		got, err := r.Get(ctx, ids, ledger.Fields{"parent"})
		var bad *ledger.BatchError
		switch {
		case err == nil:
			for _, d := range got {
				parents[d.ID] = d.Parent
			}
			return parents, nil
		case !errors.As(err, &bad):
			return nil, err
		}
		gone := map[string]bool{}
		for _, e := range bad.Entries {
			gone[e.ID] = errors.Is(e.Err, ledger.ErrUnknown) || errors.Is(e.Err, ledger.ErrAmbiguous)
		}
		before := len(ids)
		ids = slices.DeleteFunc(ids, func(id string) bool { return gone[id] })
		if len(ids) == before {
			return nil, err
		}
	}
	return parents, nil
}

// branch is a line of a tree.
type branch struct {
	leaf
	depth int
}

// grow orders leaves below their parents. Beads whose parents form a cycle, which
// only another program can have made, come last and without an indent.
func grow(leaves []leaf) []branch {
	below := map[string][]leaf{}
	known := map[string]bool{}
	for _, l := range leaves {
		known[l.ID] = true
	}
	for _, l := range leaves {
		if !known[l.Parent] {
			l.Parent = ""
		}
		below[l.Parent] = append(below[l.Parent], l)
	}
	var tree []branch
	seen := map[string]bool{}
	var walk func(parent string, depth int)
	walk = func(parent string, depth int) {
		for _, l := range below[parent] {
			if seen[l.ID] {
				continue
			}
			seen[l.ID] = true
			tree = append(tree, branch{l, depth})
			walk(l.ID, depth+1)
		}
	}
	walk("", 0)
	for _, l := range leaves {
		if !seen[l.ID] {
			tree = append(tree, branch{l, 0})
		}
	}
	return tree
}
