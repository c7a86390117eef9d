package convoy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/town"
)

// Facts is what View decides by.
type Facts struct {
	// Convoys are beads of the type Type with their links.
	Convoys []town.Bead
	// Beads are the members, and what they wait for, by id.
	Beads map[string]town.Bead
	// Waits are the beads that wait for others, with those that they wait for
	// themselves; none for one that waits with its parent.
	Waits map[string][]string
	Work  operational.Work
	// Last are the newest assignments of members that nobody works on.
	Last map[string]operational.Assignment
	// Others are records of other Towns, by reference (TOWN/ID).
	Others map[string]town.Bead
	Now    time.Time
}

// View says how far the convoys are. It is a pure function.
func View(f Facts) []Convoy {
	all := make([]Convoy, len(f.Convoys))
	for i, b := range f.Convoys {
		all[i] = f.convoy(b)
	}
	return all
}

func (f Facts) convoy(b town.Bead) Convoy {
	r := recorded(b)
	c := Convoy{
		ID: b.ID, Name: b.Title, By: b.CreatedBy, Notify: r.Notify, Counts: map[MemberState]int{}, Members: []Member{},
		At: b.CreatedAt, ClosedAt: b.ClosedAt, Reason: b.CloseReason,
	}
	own, foreign := targets(b.Dependencies)
	mine := map[string]bool{}
	for _, id := range own {
		mine[id] = true
	}
	for _, id := range own {
		if bead, ok := f.Beads[id]; ok {
			c.Members = append(c.Members, f.member(bead, mine))
		}
	}
	for _, target := range foreign {
		c.Members = append(c.Members, f.shared(target))
	}
	slices.SortStableFunc(c.Members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(slices.Index(MemberStates, a.State), slices.Index(MemberStates, b.State)), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.ID, b.ID))
	})
	for _, m := range c.Members {
		c.Counts[m.State]++
		if m.State != Foreign {
			c.Total++
		}
	}
	c.Landed = c.Counts[Ended]
	switch {
	case !b.Open() && r.Landed && strings.HasPrefix(b.CloseReason, landedReason):
		c.State = Done
	case !b.Open():
		c.State = Closed
	default:
		c.State, c.Why = f.state(c)
	}
	return c
}

// state is the state of an open convoy.
func (f Facts) state(c Convoy) (State, string) {
	switch {
	case c.Total == 0:
		return Empty, "it tracks no bead of this Town: gt convoy add " + c.ID + " BEAD"
	case c.Landed == c.Total:
		return Arrived, ""
	case c.Counts[Working]+c.Counts[Queued]+c.Counts[Merging] > 0:
		return Moving, ""
	case c.Counts[Ready] > 0:
		return Idle, fmt.Sprintf("%d ready, and nobody has them: gt sling %s", c.Counts[Ready], c.ID)
	}
	seen := map[string]bool{}
	for _, m := range c.Members {
		for _, id := range m.WaitsFor {
			if what, moves := f.ahead(id, seen); moves {
				return Waits, fmt.Sprintf("%s waits for %s, which is not in it", m.ID, what)
			}
		}
	}
	first := c.Missing()[0]
	return Stranded, fmt.Sprintf("nobody works on it and nothing of it is ready; %s is %s: %s", first.ID, first.State, first.Why)
}

// ahead reports whether something moves or can be begun among a bead and what it waits
// for, and names it.
func (f Facts) ahead(id string, seen map[string]bool) (what string, moves bool) {
	if seen[id] {
		return "", false
	}
	seen[id] = true
	b, known := f.Beads[id]
	if !known {
		return "", false
	}
	switch f.member(b, nil).State {
	case Ready, Working, Queued, Merging:
		return id, true
	}
	for _, next := range f.Waits[id] {
		if what, moves := f.ahead(next, seen); moves {
			return what, true
		}
	}
	return "", false
}

// member says where a bead of this Town stands. mine are the members of its convoy.
func (f Facts) member(b town.Bead, mine map[string]bool) Member {
	m := Member{ID: b.ID, Title: b.Title, Status: b.Status, Priority: b.Priority}
	m.State, m.Why = f.place(b, &m)
	if m.State == Waiting {
		m.Why = "its parent waits"
		if len(m.WaitsFor) > 0 {
			m.Why = "waits for " + named(m.WaitsFor, mine)
		}
	}
	return m
}

func (f Facts) place(b town.Bead, m *Member) (MemberState, string) {
	if !b.Open() {
		return Ended, b.CloseReason
	}
	for _, r := range f.Work.Merges {
		if r.Bead == b.ID {
			m.Agent = r.Agent.String()
			if r.State == operational.MergeHeld {
				return Held, "its change could not be tested; a person must look: gt refinery status"
			}
			return Merging, merging[r.State]
		}
	}
	if a, ok := f.Work.Holder(b.ID); ok {
		m.Agent = a.Agent.String()
		switch {
		case a.State == town.Submitted:
			return Merging, "its branch is at the remote"
		case !a.State.Held():
			return Working, "its assignment has just ended as " + string(a.State)
		}
		who, _ := f.Work.Agent(a.Agent)
		switch who.State {
		case town.AgentStalled, town.AgentZombie, town.AgentWaiting:
			return Working, fmt.Sprintf("%s is %s: %s", a.Agent, who.State, who.Evidence)
		}
		return Working, a.Agent.String() + " has it"
	}
	for _, q := range f.Work.Queue {
		if q.Bead == b.ID {
			return Queued, "waits for a polecat of " + q.Rig
		}
	}
	m.WaitsFor = slices.Clone(f.Waits[b.ID])
	_, waits := f.Waits[b.ID]
	due := b.DeferUntil != nil && !b.DeferUntil.After(f.Now)
	switch {
	case b.Status == town.StatusBlocked:
		return Held, "blocked: a person must look" + f.ended(b.ID)
	case b.DeferUntil != nil && !due:
		return Held, "deferred until " + b.DeferUntil.Format("2006-01-02 15:04")
	case b.Status == town.StatusDeferred && !due:
		return Held, "deferred: bd undefer " + b.ID
	case b.Status == town.StatusPinned, b.Pinned, b.Template:
		return Held, "it is a note or a template, and no work"
	case waits:
		return Waiting, ""
	case b.Assignee != "":
		m.Agent = b.Assignee
		return Working, b.Assignee + " has it"
	case b.Status == town.StatusOpen, b.Status == town.StatusDeferred:
		return Ready, "nobody has it" + f.ended(b.ID)
	}
	return Held, fmt.Sprintf("it is %s, and nobody has it", b.Status)
}

// ended words why the last worker's assignment ended.
func (f Facts) ended(bead string) string {
	a, ok := f.Last[bead]
	if !ok || a.State.Open() || a.State == town.Finished || a.State == town.Landed {
		return ""
	}
	text := fmt.Sprintf("; %s by %s", a.State, a.Agent)
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	return text
}

var merging = map[operational.MergeState]string{
	operational.MergeOpen: "waits for its turn in the merge queue", operational.MergeTesting: "its checks run",
	operational.MergeOffered: "its checks passed; the host may merge it",
}

// shared is a record of another Town.
func (f Facts) shared(target string) Member {
	ref, _ := reference(target)
	m := Member{ID: ref, State: Foreign, Why: "of another Town; nothing is known of it here"}
	if b, ok := f.Others[ref]; ok {
		m.Title, m.Status, m.Priority = b.Title, b.Status, b.Priority
		m.Why = "of another Town, where it is " + cmp.Or(string(b.Status), "not said how far")
	}
	return m
}

// maxNamed is how many beads one reason names.
const maxNamed = 4

// named lists ids, and says which are not in the convoy.
func named(ids []string, mine map[string]bool) string {
	var words []string
	for _, id := range ids[:min(len(ids), maxNamed)] {
		if mine != nil && !mine[id] {
			id += " (not in this convoy)"
		}
		words = append(words, id)
	}
	text := strings.Join(words, ", ")
	if more := len(ids) - maxNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
