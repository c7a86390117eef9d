package operational

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// MergeState says how far a merge request came.
type MergeState string

// The states of a merge request. In the first four it is open and its assignment is
// submitted; in the others it is decided.
const (
	// MergeOpen: it waits for its turn.
	MergeOpen MergeState = "open"
	// MergeTesting: it is in a batch whose checks run.
	MergeTesting MergeState = "testing"
	// MergeOffered: its checks passed, and the host may merge it.
	MergeOffered MergeState = "offered"
	// MergeHeld: it could not be tested although its target could. It waits for a
	// person, and others pass it.
	MergeHeld MergeState = "held"
	// MergeLanded: its change is on the target branch.
	MergeLanded MergeState = "landed"
	// MergeConflicted: it does not merge with the target.
	MergeConflicted MergeState = "conflicted"
	// MergeFailed: a check fails with it and passes without it.
	MergeFailed MergeState = "failed"
	// MergeRejected: a person gave it back.
	MergeRejected MergeState = "rejected"
	// MergeReturned: a former version gave it back.
	MergeReturned MergeState = "returned"
)

// MergeStates lists every state, the open ones first.
var MergeStates = []MergeState{
	MergeOpen, MergeTesting, MergeOffered, MergeHeld, MergeLanded, MergeConflicted, MergeFailed, MergeRejected, MergeReturned,
}

// openMerges are the open states as SQL has them in a list.
const openMerges = "'open', 'testing', 'offered', 'held'"

// Open reports whether a request in this state is not decided yet.
func (s MergeState) Open() bool {
	return s == MergeOpen || s == MergeTesting || s == MergeOffered || s == MergeHeld
}

// ParseMergeState accepts one of MergeStates.
func ParseMergeState(s string) (MergeState, error) {
	return town.ParseWord("state of a merge request", s, MergeStates)
}

// MergeRequest asks for a branch to be merged. There is one for each assignment
// that was submitted, with its epoch.
type MergeRequest struct {
	Epoch town.Epoch   `json:"epoch"`
	Bead  string       `json:"bead"`
	Agent town.Address `json:"agent"`
	// Branch is at the remote, Head its commit there; Base is where it left Target.
	Branch string     `json:"branch"`
	Head   string     `json:"head"`
	Base   string     `json:"base,omitempty"`
	Target string     `json:"target"`
	State  MergeState `json:"state"`
	// Priority is the bead's, 0 is the most urgent.
	Priority int       `json:"priority"`
	At       time.Time `json:"at"`
	// What follows is read by Merges alone, not by Work. Run is its assignment's. Tries
	// is how often checks ran with it, Result why it is in its state, Landed the commit
	// that brought it to its target, Changed when it came into its state.
	Run     town.Run    `json:"run,omitempty"`
	Tries   int         `json:"tries,omitempty"`
	Result  string      `json:"result,omitempty"`
	Landed  string      `json:"landed,omitempty"`
	Changed time.Time   `json:"changed,omitzero"`
	Detail  MergeDetail `json:"detail,omitzero"`
}

// Ticket is that of the request's assignment.
func (m MergeRequest) Ticket() town.Ticket {
	return town.Ticket{Bead: m.Bead, Agent: m.Agent, Run: m.Run, Epoch: m.Epoch}
}

// commitPattern matches the name of a commit, in either hash of Git.
var commitPattern = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// refPattern matches the names of branches that may be merged: a part of what Git
// allows.
var refPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./@+-]{0,249}$`)

func (m MergeRequest) check() error {
	for what, ref := range map[string]string{"branch": m.Branch, "target": m.Target} {
		if !refPattern.MatchString(ref) {
			return fmt.Errorf("%w: the %s %q is not the name of a branch", town.ErrUsage, what, town.Clip(ref, 80))
		}
	}
	if !commitPattern.MatchString(m.Head) || m.Base != "" && !commitPattern.MatchString(m.Base) {
		return fmt.Errorf("%w: %q on %q does not name commits", town.ErrUsage, town.Clip(m.Head, 80), town.Clip(m.Base, 80))
	}
	return nil
}

// Submit makes the merge request of an assignment and frees its agent, in one
// transaction. The bead is held until the request is decided. Epoch, bead and
// agent of m are those of the ticket.
func (s *Store) Submit(ctx context.Context, t town.Ticket, m MergeRequest, now time.Time) error {
	if err := m.check(); err != nil {
		return explainWork("submit "+town.Clip(t.Bead, 80), err)
	}
	now = moment(now)
	return s.advance(ctx, "submit", t, func(tx *doltdb.Tx, a Assignment) error {
		_, err := tx.Exec(ctx, "INSERT INTO merge_requests (epoch, bead, rig, agent, branch, head, base, target, state, priority, tries, result, landed, at, changed)"+
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '', ?, ?)", int64(a.Epoch), a.Bead, a.Agent.Rig, a.Agent.String(), m.Branch, m.Head, m.Base, m.Target,
			string(MergeOpen), m.Priority, stamp(now), stamp(now))
		if err != nil {
			return err
		}
		return s.leave(ctx, tx, a, town.Submitted, m.Branch+" at "+m.Head, a.Agent.String(), now)
	})
}

// checked fills in what has to be checked first.
func (m *MergeRequest) checked(agent, state string) (err error) {
	m.At, m.Changed = m.At.UTC(), m.Changed.UTC()
	if m.Agent, err = town.ParseAddress(agent); err == nil {
		m.State, err = ParseMergeState(state)
	}
	if err == nil {
		err = town.Ticket{Bead: m.Bead, Agent: m.Agent, Run: 1, Epoch: m.Epoch}.Check()
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return spoilt{fmt.Errorf("the merge request of epoch %d: %w", m.Epoch, err)}
	}
	return nil
}
