package operational

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// MergeDetail is what was found about a merge request.
type MergeDetail struct {
	// Check is the check that failed or could not be run, Command its words, Log the
	// name of its log.
	Check   string   `json:"check,omitempty"`
	Command []string `json:"command,omitempty"`
	Log     string   `json:"log,omitempty"`
	// Tip is the commit of the target that it was merged with, Tested the commit that
	// was tested, With the beads of the requests that were merged before it.
	Tip    string   `json:"tip,omitempty"`
	Tested string   `json:"tested,omitempty"`
	With   []string `json:"with,omitempty"`
	// Files do not merge, Others are the commits of the target that changed them.
	Files  []string `json:"files,omitempty"`
	Others []string `json:"others,omitempty"`
	// What follows is of a request that the host may merge. Seen is the newest commit of
	// the target in which its change was looked for. Pull is the number of its pull request
	// and URL where people find it; Asked is when the host was asked last and Ask when it
	// is asked next. Problem is why the host did not do what it was asked.
	Seen    string    `json:"seen,omitempty"`
	Pull    int       `json:"pull,omitempty"`
	URL     string    `json:"url,omitempty"`
	Asked   time.Time `json:"asked,omitzero"`
	Ask     time.Time `json:"ask,omitzero"`
	Problem string    `json:"problem,omitempty"`
	// Cause says why it is held, beyond its checks; "" for those. Removed are the tips
	// whose removed commits it carries, Allowed those with which a person lets it go on.
	Cause   HoldCause `json:"cause,omitempty"`
	Removed []string  `json:"removed,omitempty"`
	Allowed []string  `json:"allowed,omitempty"`
	// By is who decided it, if that was a person.
	By string `json:"by,omitempty"`
}

// HoldCause is why a request is held, unless its checks are the reason.
type HoldCause string

// The causes.
const (
	// HeldRewound: it would bring back commits that were removed from its target.
	HeldRewound HoldCause = "removed commits"
	// HeldTarget: it is for another branch than the rig's target.
	HeldTarget HoldCause = "another target"
	// HeldRefused: the host refuses it, and takes others.
	HeldRefused HoldCause = "refused"
)

// maxMergeDetail bounds a detail in its row, in bytes.
const maxMergeDetail = 48 << 10

// MergePrefix begins the kinds of the feed's events about merge requests. The state
// follows; the subject is the bead.
const MergePrefix = "merge."

const mergeColumns = "m.epoch, m.bead, m.agent, m.branch, m.head, m.base, m.target, m.state, m.priority, m.at, m.tries, m.result, m.landed, m.changed, COALESCE(d.detail, ''), COALESCE(a.run, 0)"

const mergeTables = " FROM merge_requests m LEFT JOIN merge_details d ON d.epoch = m.epoch LEFT JOIN assignments a ON a.epoch = m.epoch"

func scanMerge(rows interface{ Scan(...any) error }) (m MergeRequest, err error) {
	var agent, state, detail string
	err = rows.Scan(&m.Epoch, &m.Bead, &agent, &m.Branch, &m.Head, &m.Base, &m.Target, &state, &m.Priority, &m.At, &m.Tries, &m.Result, &m.Landed, &m.Changed, &detail, &m.Run)
	if err != nil {
		return m, err
	}
	if detail != "" && json.Unmarshal([]byte(detail), &m.Detail) != nil {
		m.Detail = MergeDetail{} // another program wrote it; the request itself is usable
	}
	return m, m.checked(agent, state)
}

// Merges are the merge requests of a rig, oldest first: the open ones, and of those
// that were decided the newest, at most so many. spoilt says what is wrong with rows
// that could not be used.
func (s *Store) Merges(ctx context.Context, rig string, decided int) (all []MergeRequest, spoilt []string, err error) {
	w := Work{}
	scan := func(rows *doltdb.Rows) error {
		m, err := scanMerge(rows)
		return put(&w, &w.Merges, m, err)
	}
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		w = Work{}
		if decided > 0 {
			err := tx.Each(ctx, scan, "SELECT * FROM (SELECT "+mergeColumns+mergeTables+" WHERE m.rig = ? AND m.state NOT IN ("+openMerges+
				") ORDER BY m.epoch DESC LIMIT ?) AS newest ORDER BY epoch", rig, decided)
			if err != nil {
				return err
			}
		}
		return tx.Each(ctx, scan, "SELECT "+mergeColumns+mergeTables+" WHERE m.rig = ? AND m.state IN ("+openMerges+") ORDER BY m.epoch", rig)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the merge requests of %s: %w", town.Clip(rig, 80), err)
	}
	return w.Merges, w.Spoilt, nil
}

// ErrNoMerge reports a merge request that there is not.
var ErrNoMerge = fmt.Errorf("%w: there is no such merge request", town.ErrUsage)

// Merge finds a merge request by its number, or the newest one of a bead.
func (s *Store) Merge(ctx context.Context, word string) (m MergeRequest, err error) {
	epoch, bad := strconv.ParseInt(word, 10, 64)
	where, key := "m.bead = ?", any(word)
	if bad == nil {
		where, key = "m.epoch = ?", any(epoch)
	}
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		m, err = scanMerge(tx.QueryRow(ctx, "SELECT "+mergeColumns+mergeTables+" WHERE "+where+" ORDER BY m.epoch DESC LIMIT 1", key))
		return err
	})
	if errors.Is(err, doltdb.ErrNoRows) {
		return m, ErrNoMerge
	}
	return m, explainWork("find the merge request "+strconv.Quote(town.Clip(word, 80)), err)
}

// Conflicts are the files in which former requests of beads conflicted, one list for
// each request, oldest first, by bead.
func (s *Store) Conflicts(ctx context.Context, beads []string) (map[string][][]string, error) {
	files := map[string][][]string{}
	if len(beads) == 0 {
		return files, nil
	}
	args := []any{}
	for _, b := range beads {
		args = append(args, b)
	}
	err := s.read(ctx, "former conflicts", func(rows *doltdb.Rows) error {
		m, err := scanMerge(rows)
		if err == nil {
			files[m.Bead] = append(files[m.Bead], m.Detail.Files)
		}
		return err
	}, "SELECT "+mergeColumns+mergeTables+" WHERE m.state = 'conflicted' AND m.bead IN (?"+strings.Repeat(", ?", len(args)-1)+") ORDER BY m.epoch", args...)
	return files, err
}

// MergeMove moves an open request between open states, or notes something about one that
// stays in its state.
type MergeMove struct {
	Epoch    town.Epoch
	From, To MergeState
	// Result says why, Detail what was found; nil leaves the detail as it is.
	Result string
	Detail *MergeDetail
	// Target makes another branch its target; "" leaves it.
	Target string
	// Tried counts a run of checks.
	Tried bool
}

// MoveMerges carries out moves in one transaction and returns how many it made: one
// whose request is not in its state any more does nothing.
func (s *Store) MoveMerges(ctx context.Context, moves []MergeMove, actor string, now time.Time) (made int, err error) {
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		made = 0
		for _, m := range moves {
			if !m.From.Open() || !m.To.Open() {
				return fmt.Errorf("a merge request does not move from %q to %q", m.From, m.To)
			}
			if m.Target != "" && !refPattern.MatchString(m.Target) {
				return fmt.Errorf("%w: %q is not the name of a branch", town.ErrUsage, town.Clip(m.Target, 80))
			}
			tried := 0
			if m.Tried {
				tried = 1
			}
			var state string
			err := tx.QueryRow(ctx, "SELECT state FROM merge_requests WHERE epoch = ?", int64(m.Epoch)).Scan(&state)
			if errors.Is(err, doltdb.ErrNoRows) || err == nil && state != string(m.From) {
				continue
			}
			if err == nil && m.From == m.To { // it came into its state before
				_, err = tx.Exec(ctx, "UPDATE merge_requests SET result = ?, tries = tries + ? WHERE epoch = ?", text(m.Result, maxReason), tried, int64(m.Epoch))
			} else if err == nil {
				_, err = tx.Exec(ctx, "UPDATE merge_requests SET state = ?, result = ?, tries = tries + ?, changed = ? WHERE epoch = ?",
					string(m.To), text(m.Result, maxReason), tried, stamp(now), int64(m.Epoch))
			}
			if err == nil && m.Target != "" {
				_, err = tx.Exec(ctx, "UPDATE merge_requests SET target = ? WHERE epoch = ?", m.Target, int64(m.Epoch))
			}
			if err != nil {
				return err
			}
			made++
			if m.Detail != nil {
				if err := putDetail(ctx, tx, m.Epoch, *m.Detail); err != nil {
					return err
				}
			}
			if err := s.noteMerge(ctx, tx, m, actor, now); err != nil {
				return err
			}
		}
		return nil
	})
	return made, explainWork("move merge requests", err)
}

// noteMerge tells the feed of moves that a person may want to see.
func (s *Store) noteMerge(ctx context.Context, tx *doltdb.Tx, m MergeMove, actor string, now time.Time) error {
	retried := m.To == MergeOpen && m.From == MergeHeld
	if m.From == m.To || m.To != MergeHeld && m.To != MergeOffered && !retried {
		return nil
	}
	r, err := scanMerge(tx.QueryRow(ctx, "SELECT "+mergeColumns+mergeTables+" WHERE m.epoch = ?", int64(m.Epoch)))
	if err != nil {
		return err
	}
	return s.note(ctx, tx, r.entry(actor))
}

// entry is the event that a request came into its state.
func (m MergeRequest) entry(actor string) Entry {
	return Entry{
		At: m.Changed, Kind: MergePrefix + string(m.State), Subject: m.Bead, Actor: actor, Detail: m.Result,
		Data: data("rig", m.Agent.Rig, "agent", m.Agent.String(), "epoch", strconv.FormatInt(int64(m.Epoch), 10), "branch", m.Branch, "head", m.Head, "landed", m.Landed),
	}
}

func putDetail(ctx context.Context, tx *doltdb.Tx, epoch town.Epoch, d MergeDetail) error {
	encoded, err := json.Marshal(d)
	if err != nil || len(encoded) > maxMergeDetail {
		d.Command, d.With, d.Files, d.Others, d.Problem, d.Removed, d.Allowed = nil, nil, nil, nil, "", nil, nil
		if encoded, err = json.Marshal(d); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, "REPLACE INTO merge_details (epoch, detail) VALUES (?, ?)", int64(epoch), string(encoded))
	return err
}

// Verdict decides a merge request.
type Verdict struct {
	// State is MergeLanded, MergeConflicted, MergeFailed or MergeRejected.
	State MergeState
	// Landed is the commit that brought it to its target.
	Landed string
	Reason string
	Detail MergeDetail
	// Stuck: a person must look before the bead is assigned again.
	Stuck bool
}

// ends are the states in which a verdict leaves the assignment.
var ends = map[MergeState]town.AssignmentState{
	MergeLanded: town.Landed, MergeConflicted: town.Returned, MergeFailed: town.Returned, MergeRejected: town.Returned,
}

// Decide ends a merge request and its assignment, in one transaction. It fails with a
// *StaleError when the assignment is not submitted any more, or the ticket is not its.
func (s *Store) Decide(ctx context.Context, t town.Ticket, v Verdict, actor string, now time.Time) error {
	how, ok := ends[v.State]
	if !ok || v.State == MergeLanded && !commitPattern.MatchString(v.Landed) {
		return fmt.Errorf("decide on the merge request of %s: it does not end %q at %q", town.Clip(t.Bead, 80), v.State, town.Clip(v.Landed, 80))
	}
	if v.Stuck && how == town.Returned {
		how = town.Stuck
	}
	now = moment(now)
	err := s.db.Write(ctx, func(tx *doltdb.Tx) error {
		a, err := byEpoch(ctx, tx, t.Epoch)
		switch {
		case errors.Is(err, doltdb.ErrNoRows):
			return &StaleError{Ticket: t}
		case err != nil:
			return err
		case a.Ticket != t || a.State != town.Submitted:
			return &StaleError{Ticket: t, Now: &a}
		}
		_, err = tx.Exec(ctx, "UPDATE merge_requests SET state = ?, result = ?, landed = ?, changed = ? WHERE epoch = ?",
			string(v.State), text(v.Reason, maxReason), v.Landed, stamp(now), int64(t.Epoch))
		if err == nil {
			err = putDetail(ctx, tx, t.Epoch, v.Detail)
		}
		if err != nil {
			return err
		}
		a.State, a.Reason, a.Changed = how, text(v.Reason, maxReason), now
		_, err = tx.Exec(ctx, "UPDATE assignments SET state = ?, told = FALSE, reason = ?, changed = ? WHERE epoch = ?", string(how), a.Reason, stamp(now), int64(t.Epoch))
		if err != nil {
			return err
		}
		m, err := scanMerge(tx.QueryRow(ctx, "SELECT "+mergeColumns+mergeTables+" WHERE m.epoch = ?", int64(t.Epoch)))
		if err != nil {
			return err
		}
		return s.note(ctx, tx, m.entry(actor), entryOf(a, actor))
	})
	return explainWork("decide on the merge request of "+town.Clip(t.Bead, 80), err)
}
