package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"gastown/town"
)

// Plan is beads to create together, with links between them and to others. Its
// nodes name each other by keys of their own.
type Plan struct {
	Message string     `json:"commit_message"`
	Nodes   []PlanNode `json:"nodes"`
	Edges   []PlanEdge `json:"edges"`
	// Unknown are the keys in it that mean nothing, sorted.
	Unknown []string `json:"-"`
}

// Title is what the commit is called.
func (p Plan) Title() string { return or(p.Message, fmt.Sprintf("create %d beads", len(p.Nodes))) }

// PlanNode is a bead of a plan. Its JSON keys are those of a bead, beside the ones
// here.
type PlanNode struct {
	Key      string        `json:"key"`
	ID       string        `json:"id"`
	Title    string        `json:"title"`
	Kind     string        `json:"type"`
	Status   string        `json:"status"`
	Priority *int          `json:"priority"`
	Estimate *int          `json:"estimate"`
	Minutes  *int          `json:"estimated_minutes"`
	Due      *time.Time    `json:"due_at"`
	Defer    *time.Time    `json:"defer_until"`
	Labels   []string      `json:"labels"`
	Deps     []PlanNodeDep `json:"deps"`

	Description string `json:"description"`
	Design      string `json:"design"`
	Acceptance  string `json:"acceptance_criteria"`
	Notes       string `json:"notes"`
	SpecID      string `json:"spec_id"`
	ExternalRef string `json:"external_ref"`
	Assignee    string `json:"assignee"`
	Owner       string `json:"owner"`
	Ephemeral   bool   `json:"ephemeral"`
	Pinned      bool   `json:"pinned"`

	// ParentKey and Parent name a node, ParentID another bead.
	ParentKey string `json:"parent_key"`
	Parent    string `json:"parent"`
	ParentID  string `json:"parent_id"`

	Metadata map[string]json.RawMessage `json:"metadata"`
	// MetadataRefs are values of the metadata that are ids, each given by the key of
	// its node.
	MetadataRefs map[string]string `json:"metadata_refs"`

	// Of these only an import and other programs know more.
	AssignAfter bool `json:"assign_after_create"`
}

// PlanNodeDep is a link from a node. Target is the key of a node or an id.
type PlanNodeDep struct {
	Type   string `json:"type"`
	Target string `json:"target"`
}

// PlanEdge is a link: from depends on to.
type PlanEdge struct {
	FromKey string `json:"from_key"`
	FromID  string `json:"from_id"`
	ToKey   string `json:"to_key"`
	ToID    string `json:"to_id"`
	Type    string `json:"type"`
	Gate    string `json:"gate"`
	Thread  string `json:"thread_id"`
}

// ReadPlan reads a plan and checks that its keys fit together.
func ReadPlan(text []byte) (Plan, error) {
	var p Plan
	if err := decode(text, &p); err != nil {
		return p, err
	}
	p.Unknown = unknownKeys(text)
	if len(p.Nodes) == 0 {
		return p, fmt.Errorf("%w: the plan has no nodes", town.ErrBadBead)
	}
	var bad batch
	keys := map[string]bool{}
	for i, n := range p.Nodes {
		switch {
		case n.Key == "":
			bad.add(i, 0, "", fmt.Errorf("%w: it has no key", town.ErrBadBead))
		case keys[n.Key]:
			bad.add(i, 0, n.Key, fmt.Errorf("%w: another node has this key", town.ErrBadBead))
		}
		keys[n.Key] = true
	}
	known := func(i int, what, key string) {
		if key != "" && !keys[key] {
			bad.add(i, 0, p.Nodes[i].Key, fmt.Errorf("%w: %s %q is no node", town.ErrBadBead, what, town.Clip(key, 80)))
		}
	}
	for i, n := range p.Nodes {
		known(i, "the parent", n.parentKey())
		for _, name := range slices.Sorted(maps.Keys(n.MetadataRefs)) {
			known(i, "metadata_refs."+name, n.MetadataRefs[name])
		}
	}
	for i, e := range p.Edges {
		if e.FromKey+e.FromID == "" || e.ToKey+e.ToID == "" || e.FromKey != "" && !keys[e.FromKey] || e.ToKey != "" && !keys[e.ToKey] {
			bad.add(len(p.Nodes)+i, 0, "", fmt.Errorf("%w: edge %d does not lead from a node or bead to another", town.ErrBadBead, i+1))
		}
	}
	return p, bad.err()
}

// unknownKeys are the keys of a plan that none of its types has.
func unknownKeys(text []byte) []string {
	var plan map[string]json.RawMessage
	var nodes, edges []map[string]json.RawMessage
	// What is not of this form has no keys that could be unknown.
	_ = json.Unmarshal(text, &plan)
	_ = json.Unmarshal(plan["nodes"], &nodes)
	_ = json.Unmarshal(plan["edges"], &edges)
	unknown := map[string]bool{}
	look := func(object map[string]json.RawMessage, like any) {
		known := jsonKeys(reflect.TypeOf(like))
		for name := range object {
			if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
				unknown[name] = true
			}
		}
	}
	look(plan, Plan{})
	for _, n := range nodes {
		look(n, PlanNode{})
	}
	for _, e := range edges {
		look(e, PlanEdge{})
	}
	return slices.Sorted(maps.Keys(unknown))
}

// jsonKeys are the JSON keys of a struct.
func jsonKeys(t reflect.Type) (names []string) {
	for f := range t.Fields() {
		if name := f.Tag.Get("json"); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

func (n PlanNode) parentKey() string { return or(n.ParentKey, n.Parent) }

// Refs are the ids of other beads that the plan names, each once.
func (p Plan) Refs() []string {
	keys, refs := map[string]bool{}, map[string]bool{}
	for _, n := range p.Nodes {
		keys[n.Key] = true
	}
	add := func(id string) {
		if id != "" && !External(id) {
			refs[id] = true
		}
	}
	for _, n := range p.Nodes {
		add(n.ParentID)
		for _, d := range n.Deps {
			if !keys[d.Target] {
				add(d.Target)
			}
		}
	}
	for _, e := range p.Edges {
		add(e.FromID)
		add(e.ToID)
	}
	return slices.Sorted(maps.Keys(refs))
}

// Plan creates the beads and links of a plan, and returns the ids by their keys.
// full gives the full ids of those that Refs returned, and usual what beads have
// that the plan does not say: prefix and owner.
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
			set[name], _ = json.Marshal(ids[key]) // a text
		}
		patches = append(patches, Patch{ID: ids[n.Key], SetMetadata: set})
	}
	if len(patches) == 0 {
		return nil
	}
	_, err := c.Update(ctx, patches)
	return err
}
