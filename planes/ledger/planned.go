package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"gastown/town"
)

// Plan creates the beads and links of a plan, and returns the ids by their keys.
// full has the full id for each id that Refs returned. usual has the prefix of all
// beads, and the owner of those for which the plan names none.
func (c *Change) Plan(ctx context.Context, p Plan, full map[string]string, usual NewBead) (map[string]string, error) {
	ids := map[string]string{}
	id := func(key, ref string) string {
		if key != "" {
			return ids[key]
		}
		return or(full[ref], ref)
	}
	left := slices.Clone(p.Nodes)
	for len(left) > 0 { // parents before their children
		n := len(left)
		left = slices.DeleteFunc(left, func(n PlanNode) bool { return ids[n.Key] != "" })
		for _, n := range left {
			if key := n.parentKey(); key != "" && ids[key] == "" {
				continue
			}
			b, err := n.bead(usual)
			if err == nil {
				b.Parent = id(n.parentKey(), n.ParentID)
				var made []town.Bead
				if made, err = c.Create(ctx, []NewBead{b}); err == nil {
					ids[n.Key] = made[0].ID
				}
			}
			if err != nil {
				var bad batch
				bad.add(0, 0, "node "+n.Key, unwrapBatch(err))
				return nil, bad.err()
			}
		}
		if left = slices.DeleteFunc(left, func(n PlanNode) bool { return ids[n.Key] != "" }); len(left) == n {
			return nil, fmt.Errorf("%w: the parents of the node %q form a circle", ErrCycle, town.Clip(left[0].Key, 80))
		}
	}
	links, err := p.links(ids, id)
	if err == nil && len(links) > 0 {
		_, err = c.DepAdd(ctx, links)
	}
	if err != nil {
		return nil, err
	}
	return ids, c.planRefs(ctx, p, ids)
}

// bead is the node as a new bead, without its links.
func (n PlanNode) bead(usual NewBead) (b NewBead, err error) {
	b = usual
	b.ID, b.Title, b.Labels = n.ID, n.Title, n.Labels
	b.Description, b.Design, b.AcceptanceCriteria, b.Notes = n.Description, n.Design, n.Acceptance, n.Notes
	b.SpecID, b.ExternalRef, b.Assignee, b.Owner = n.SpecID, n.ExternalRef, n.Assignee, or(n.Owner, usual.Owner)
	b.DueAt, b.DeferUntil, b.Ephemeral, b.Pinned = n.Due, n.Defer, n.Ephemeral, n.Pinned
	if b.EstimatedMinutes = n.Estimate; b.EstimatedMinutes == nil {
		b.EstimatedMinutes = n.Minutes
	}
	if n.Metadata != nil {
		b.Metadata, err = json.Marshal(n.Metadata)
	}
	if n.Kind != "" && err == nil {
		b.Type, err = town.TypeWord(n.Kind)
	}
	if n.Status != "" && err == nil {
		b.Status, err = town.StatusWord(n.Status)
	}
	if b.NoPriority = n.Priority == nil; !b.NoPriority {
		b.Priority = *n.Priority
	}
	return b, err
}

// links are the links of a plan whose beads have ids.
func (p Plan) links(ids map[string]string, id func(key, ref string) string) (links []town.Dependency, err error) {
	add := func(from, to, kind, metadata, thread string) error {
		d := town.Dependency{Bead: from, Target: to, Type: town.DepBlocks, Metadata: metadata, Thread: thread}
		if kind != "" {
			if d.Type, err = town.ParseDepType(kind); err != nil {
				return err
			}
		}
		links = append(links, d)
		return nil
	}
	for _, n := range p.Nodes {
		for _, d := range n.Deps {
			to := or(ids[d.Target], id("", d.Target))
			if err := add(ids[n.Key], to, d.Type, "", ""); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range p.Edges {
		metadata := ""
		switch e.Gate {
		case "":
		case "all-children":
			metadata = town.AllChildren
		case "any-children":
			metadata = town.AnyChild
		default:
			return nil, fmt.Errorf("%w: the gate %q is neither all-children nor any-children", town.ErrBadBead, town.Clip(e.Gate, 40))
		}
		if err := add(id(e.FromKey, e.FromID), id(e.ToKey, e.ToID), e.Type, metadata, e.Thread); err != nil {
			return nil, err
		}
	}
	return links, nil
}

// planRefs puts the ids of nodes into the metadata of others.
func (c *Change) planRefs(ctx context.Context, p Plan, ids map[string]string) error {
	var patches []Patch
	for _, n := range p.Nodes {
		if len(n.MetadataRefs) == 0 {
			continue
		}
		set := map[string]json.RawMessage{}
		for name, key := range n.MetadataRefs {
			set[name], _ = json.Marshal(ids[key]) // a string: never fails
		}
		patches = append(patches, Patch{ID: ids[n.Key], SetMetadata: set})
	}
	if len(patches) == 0 {
		return nil
	}
	_, err := c.Update(ctx, patches)
	return err
}
