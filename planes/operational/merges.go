package operational

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// MergeState says how far a merge request came.
type MergeState string

// The states of a merge request.
const (
	MergeOpen     MergeState = "open"
	MergeLanded   MergeState = "landed"
	MergeReturned MergeState = "returned"
)

// MergeStates lists every state.
var MergeStates = []MergeState{MergeOpen, MergeLanded, MergeReturned}

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

// Decide ends a submitted assignment with its merge request: Landed, Returned or
// Stuck. It fails with a *StaleError when the assignment is not submitted.
func (s *Store) Decide(ctx context.Context, t town.Ticket, how town.AssignmentState, landed, reason, actor string, now time.Time) error {
	state := MergeReturned
	switch how {
	case town.Landed:
		state = MergeLanded
	case town.Returned, town.Stuck:
	default:
		return fmt.Errorf("decide on %s: a merge request does not end %q", town.Clip(t.Bead, 80), how)
	}
	now = moment(now)
	err := s.db.Write(ctx, func(tx *doltdb.Tx) error {
		a, err := byEpoch(ctx, tx, t.Epoch)
		switch {
		case errors.Is(err, doltdb.ErrNoRows):
			return &StaleError{Ticket: t}
		case err != nil:
			return err
		}
		if a.Ticket != t || a.State != town.Submitted {
			return &StaleError{Ticket: t, Now: &a}
		}
		_, err = tx.Exec(ctx, "UPDATE merge_requests SET state = ?, result = ?, landed = ?, changed = ? WHERE epoch = ?",
			string(state), text(reason, maxReason), landed, stamp(now), int64(t.Epoch))
		if err != nil {
			return err
		}
		a.State, a.Reason, a.Changed = how, text(reason, maxReason), now
		_, err = tx.Exec(ctx, "UPDATE assignments SET state = ?, told = FALSE, reason = ?, changed = ? WHERE epoch = ?", string(how), a.Reason, stamp(now), int64(t.Epoch))
		if err != nil {
			return err
		}
		return s.note(ctx, tx, entryOf(a, actor))
	})
	return explainWork("decide on "+town.Clip(t.Bead, 80), err)
}
