package convoy

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"gastown/planes/ledger"
	"gastown/town"
)

// Type is the type of the beads that are convoys, Tracks that of the links to members.
const (
	Type   town.BeadType = "convoy"
	Tracks town.DepType  = "tracks"
)

// Landed is the kind of the entry of the audit trail, and so bead.landed in the feed, when
// all members of a convoy are closed.
const Landed = "landed"

// Prefix begins the ids of convoys.
const Prefix = prefix + "-"

const prefix = "cv"

// human is the mailbox of the people of the Town, who are told if nobody else asked.
const human = "human"

// external begins the target of a link to a record of another Town.
const external = "external:"

// Shared is the target of the link to a record of another Town.
func Shared(name, id string) string { return external + name + ":" + id }

// reference is the inverse of Shared, as TOWN/ID.
func reference(target string) (ref string, shared bool) {
	rest, shared := strings.CutPrefix(target, external)
	if name, id, ok := strings.Cut(rest, ":"); shared && ok {
		return name + "/" + id, true
	}
	return rest, shared
}

// State says how far a convoy is.
type State string

// The states of a convoy.
const (
	// Empty: it has no members of this Town.
	Empty State = "empty"
	// Moving: somebody works on a member, or it waits for a worker or for the merge.
	Moving State = "moving"
	// Waits: nobody works on a member, but on something that members wait for.
	Waits State = "waiting"
	// Idle: members are ready, and nobody has them.
	Idle State = "idle"
	// Stranded: nobody works on anything that it needs, and nothing of it is ready.
	Stranded State = "stranded"
	// Arrived: all members are closed. The next pass lands it.
	Arrived State = "arrived"
	// Done: it landed.
	Done State = "landed"
	// Closed: a person closed it before it landed.
	Closed State = "closed"
)

// MemberState says where a member stands.
type MemberState string

// The states of a member.
const (
	Ready   MemberState = "ready"   // it can be begun, and nobody has it
	Waiting MemberState = "waiting" // other beads come first
	Queued  MemberState = "queued"  // it waits for a worker
	Working MemberState = "working" // a worker or a person has it
	Merging MemberState = "merging" // its change waits to be merged
	Held    MemberState = "held"    // a person must look: blocked, deferred, not mergeable
	Ended   MemberState = "landed"  // it is closed
	Foreign MemberState = "shared"  // another Town has it
)

// MemberStates lists every state, those of what is missing first.
var MemberStates = []MemberState{Held, Ready, Waiting, Queued, Working, Merging, Foreign, Ended}

// Member is a bead of a convoy.
type Member struct {
	ID    string      `json:"id"`
	Title string      `json:"title,omitempty"`
	State MemberState `json:"state"`
	// Why says why it is in its state, in one line.
	Why string `json:"why,omitempty"`
	// Agent is who works on it, WaitsFor what comes first.
	Agent    string   `json:"agent,omitempty"`
	WaitsFor []string `json:"waits_for,omitempty"`
	// Status and Priority are those of the bead.
	Status   town.Status `json:"status,omitempty"`
	Priority int         `json:"priority"`
}

// Convoy is a convoy with its progress.
type Convoy struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	State State  `json:"state"`
	// Why explains a state that a person should look at.
	Why string `json:"why,omitempty"`
	By  string `json:"created_by,omitempty"`
	// Notify are the mailboxes that are told when it lands.
	Notify []string `json:"notify"`
	// Landed of Total members are closed; records of other Towns do not count.
	Landed int                 `json:"landed"`
	Total  int                 `json:"total"`
	Counts map[MemberState]int `json:"counts"`
	// Members are in the order of MemberStates, the most urgent first.
	Members  []Member   `json:"members"`
	At       time.Time  `json:"created_at"`
	ClosedAt *time.Time `json:"closed_at,omitempty"`
	Reason   string     `json:"close_reason,omitempty"`
}

// Open reports whether the convoy may still land.
func (c Convoy) Open() bool { return c.State != Done && c.State != Closed }

// Missing are the members that keep it from landing.
func (c Convoy) Missing() []Member {
	return slices.DeleteFunc(slices.Clone(c.Members), func(m Member) bool { return m.State == Ended || m.State == Foreign })
}

// record is what the bead's metadata hold of a convoy, under the name of its type.
type record struct {
	Notify []string `json:"notify,omitempty"`
	// Landed says that it was closed because all members were.
	Landed bool `json:"landed,omitempty"`
}

func (r record) patch() map[string]json.RawMessage {
	text, _ := json.Marshal(r) // texts: never fails
	return map[string]json.RawMessage{string(Type): text}
}

// recorded reads it. Another program may have written anything there: then the people
// are told.
func recorded(b town.Bead) (r record) {
	var all map[string]json.RawMessage
	if json.Unmarshal(b.Metadata, &all) != nil || json.Unmarshal(all[string(Type)], &r) != nil {
		r = record{}
	}
	r.Notify = slices.DeleteFunc(r.Notify, func(box string) bool { _, err := town.ParseAddress(box); return err != nil && box != human })
	slices.Sort(r.Notify)
	if r.Notify = slices.Compact(r.Notify); len(r.Notify) == 0 || len(r.Notify) > ledger.MaxRecipients {
		r.Notify = []string{human}
	}
	return r
}

// targets are what a convoy tracks: beads of this ledger, and targets of Shared.
func targets(links []town.Dependency) (own, foreign []string) {
	for _, d := range links {
		switch {
		case d.Type != Tracks:
		case ledger.External(d.Target):
			foreign = append(foreign, d.Target)
		default:
			own = append(own, d.Target)
		}
	}
	return own, foreign
}
