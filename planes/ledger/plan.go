package ledger

import (
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

	// AssignAfter has no effect: the assignee is stored with the bead.
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
	// After an error the value is empty, so it has no unknown keys.
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
