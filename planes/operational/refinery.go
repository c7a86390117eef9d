package operational

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// refinerySchema holds what the refineries of the rigs know beside the merge requests
// themselves: why a request is in its state, how the checks of a tree went, and what
// keeps a rig from landing.
var refinerySchema = doltdb.Migration{
	Name: "refinery",
	Statements: []string{
		`CREATE TABLE merge_details (epoch BIGINT PRIMARY KEY, detail TEXT NOT NULL)`,
		`CREATE TABLE test_results (
			tree VARCHAR(64) NOT NULL, command VARCHAR(64) NOT NULL, environment VARCHAR(64) NOT NULL, rig VARCHAR(64) NOT NULL,
			name VARCHAR(64) NOT NULL, passed BOOLEAN NOT NULL, fails INT NOT NULL, broken INT NOT NULL, doubts INT NOT NULL,
			detail VARCHAR(1024) NOT NULL, log VARCHAR(128) NOT NULL, took BIGINT NOT NULL, at DATETIME(6) NOT NULL,
			PRIMARY KEY (tree, command, environment), INDEX idx_at (at))`,
		`CREATE TABLE refineries (
			rig VARCHAR(64) PRIMARY KEY, paused BOOLEAN NOT NULL, reason VARCHAR(1024) NOT NULL, asked_by VARCHAR(255) NOT NULL,
			trouble TEXT NOT NULL, changed DATETIME(6) NOT NULL)`,
	},
}

// Refinery is what keeps a rig's refinery from landing. The zero value is one that
// nothing keeps.
type Refinery struct {
	Rig string `json:"rig"`
	// Paused: a person stopped it. By and Reason say who and why.
	Paused bool   `json:"paused"`
	By     string `json:"paused_by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Trouble is what a person must mend; nil for nothing.
	Trouble *Trouble  `json:"trouble,omitempty"`
	Changed time.Time `json:"changed,omitzero"`
	// Target is where its target was seen last.
	Target SeenTarget `json:"target,omitzero"`
}

// Trouble keeps a refinery from landing until a person mends it. Nobody's change is
// blamed for it, and a person is told once.
type Trouble struct {
	// Key tells it from another trouble: the same one has the same key.
	Key string `json:"key"`
	// Text says what is wrong, Next what helps.
	Text string `json:"text"`
	Next string `json:"next,omitempty"`
	// Check and Log are of the run that showed it, Tip is the commit of the target.
	Check string `json:"check,omitempty"`
	Log   string `json:"log,omitempty"`
	Tip   string `json:"tip,omitempty"`
	// Bead is what tells a person; "" while it is not made.
	Bead  string    `json:"bead,omitempty"`
	Since time.Time `json:"since"`
	// Seen is when it was last found, Again when the refinery looks next.
	Seen  time.Time `json:"seen,omitzero"`
	Again time.Time `json:"again,omitzero"`
	// Refused are requests that the host refused alone while it took no others.
	Refused []town.Epoch `json:"refused,omitempty"`
}

// The kinds of the feed's events about refineries. The subject is the rig.
const (
	RefineryPrefix  = "refinery."
	RefineryPaused  = RefineryPrefix + "paused"
	RefineryResumed = RefineryPrefix + "resumed"
	RefineryTrouble = RefineryPrefix + "trouble"
	RefineryMended  = RefineryPrefix + "mended"
	RefineryAsked   = RefineryPrefix + "asked"
)

// Refineries returns what is known of each rig, by its name. A rig of which nothing is
// known has no entry.
func (s *Store) Refineries(ctx context.Context) (map[string]Refinery, error) {
	all := map[string]Refinery{}
	err := s.read(ctx, "the refineries", func(rows *doltdb.Rows) error {
		r, err := scanRefinery(rows)
		all[r.Rig] = r
		return err
	}, "SELECT rig, paused, reason, asked_by, trouble, changed FROM refineries")
	return all, errors.Join(err, s.seenTargets(ctx, all))
}

func scanRefinery(rows interface{ Scan(...any) error }) (r Refinery, err error) {
	var trouble string
	if err := rows.Scan(&r.Rig, &r.Paused, &r.Reason, &r.By, &trouble, &r.Changed); err != nil {
		return r, err
	}
	r.Changed = r.Changed.UTC()
	if trouble != "" {
		r.Trouble = &Trouble{}
		if err := json.Unmarshal([]byte(trouble), r.Trouble); err != nil {
			// Another program wrote it: something is wrong, and nobody knows what.
			r.Trouble = &Trouble{Key: "unreadable", Text: "what kept the refinery is not readable", Since: r.Changed}
		}
	}
	return r, nil
}

// PauseRefinery pauses or resumes a rig's refinery. It says false, and changes nothing,
// when that is so already.
func (s *Store) PauseRefinery(ctx context.Context, rig string, pause bool, reason, actor string, now time.Time) (changed bool, err error) {
	err = s.refinery(ctx, "pause or resume the refinery of", rig, now, func(r *Refinery) []Entry {
		if changed = r.Paused != pause; !changed {
			return nil
		}
		kind := RefineryResumed
		if pause {
			kind = RefineryPaused
		}
		r.Paused, r.By, r.Reason = pause, text(actor, maxAsker), text(reason, maxReason)
		return []Entry{{At: now, Kind: kind, Subject: rig, Actor: actor, Detail: reason}}
	})
	return changed, err
}

// SetTrouble records what keeps a rig's refinery; nil for nothing any more. from is the
// key of the trouble that the caller saw, "" for none. It says false, and changes
// nothing, when there is another one by now.
func (s *Store) SetTrouble(ctx context.Context, rig, from string, to *Trouble, now time.Time) (counted bool, err error) {
	err = s.refinery(ctx, "record what keeps the refinery of", rig, now, func(r *Refinery) []Entry {
		had := ""
		if r.Trouble != nil {
			had = r.Trouble.Key
		}
		if counted = had == from; !counted {
			return nil
		}
		entries := []Entry{}
		switch {
		case to == nil && had != "":
			entries = append(entries, Entry{At: now, Kind: RefineryMended, Subject: rig, Detail: r.Trouble.Text, Data: data("bead", r.Trouble.Bead)})
		case to != nil && to.Key != had:
			entries = append(entries, Entry{At: now, Kind: RefineryTrouble, Subject: rig, Detail: to.Text, Data: data("check", to.Check, "tip", to.Tip, "log", to.Log)})
		}
		r.Trouble = nil
		if to != nil {
			t := *to
			t.Text, t.Next = text(t.Text, maxReason), text(t.Next, maxReason)
			r.Trouble = &t
		}
		return entries
	})
	return counted, err
}

// AskRefinery tells whoever runs the refinery of a rig that there may be something to do.
func (s *Store) AskRefinery(ctx context.Context, rig, actor, detail string, now time.Time) error {
	return explainWork("wake the refinery of "+rig, s.db.Write(ctx, func(tx *doltdb.Tx) error {
		return s.note(ctx, tx, Entry{At: now, Kind: RefineryAsked, Subject: rig, Actor: actor, Detail: detail})
	}))
}

// refinery changes the row of a rig in one transaction; a change without entries (nil,
// not an empty list) is none.
func (s *Store) refinery(ctx context.Context, op, rig string, now time.Time, change func(*Refinery) []Entry) error {
	op += " " + town.Clip(rig, 80)
	if err := town.CheckRig(rig); err != nil {
		return explainWork(op, err)
	}
	return explainWork(op, s.db.Write(ctx, func(tx *doltdb.Tx) error {
		r, err := scanRefinery(tx.QueryRow(ctx, "SELECT rig, paused, reason, asked_by, trouble, changed FROM refineries WHERE rig = ?", rig))
		if err != nil && !errors.Is(err, doltdb.ErrNoRows) {
			return err
		}
		entries := change(&r)
		if entries == nil {
			return nil
		}
		trouble := ""
		if r.Trouble != nil {
			encoded, err := json.Marshal(r.Trouble)
			if err != nil {
				return fmt.Errorf("write a trouble: %w", err)
			}
			trouble = string(encoded)
		}
		_, err = tx.Exec(ctx, "REPLACE INTO refineries (rig, paused, reason, asked_by, trouble, changed) VALUES (?, ?, ?, ?, ?, ?)",
			rig, r.Paused, r.Reason, r.By, trouble, stamp(now))
		if err != nil {
			return err
		}
		return s.note(ctx, tx, entries...)
	}))
}
