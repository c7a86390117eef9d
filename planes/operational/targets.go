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

// targetSchema holds where the refineries last saw their targets, and the runs of checks
// that began and left no result yet.
var targetSchema = doltdb.Migration{
	Name: "targets",
	Statements: []string{
		`CREATE TABLE refinery_targets (rig VARCHAR(64) PRIMARY KEY, branch VARCHAR(255) NOT NULL, tip VARCHAR(64) NOT NULL, removed TEXT NOT NULL, seen DATETIME(6) NOT NULL)`,
		`CREATE TABLE begun_tests (
			tree VARCHAR(64) NOT NULL, command VARCHAR(64) NOT NULL, environment VARCHAR(64) NOT NULL, rig VARCHAR(64) NOT NULL,
			name VARCHAR(64) NOT NULL, times INT NOT NULL, at DATETIME(6) NOT NULL, PRIMARY KEY (tree, command, environment), INDEX idx_begun_rig (rig))`,
	},
}

// RefineryRewound is the kind of the feed's events about a target that lost commits.
const RefineryRewound = RefineryPrefix + "rewound"

// SeenTarget is where a refinery last saw its target. The zero value means never.
type SeenTarget struct {
	Branch string `json:"branch"`
	Tip    string `json:"tip"`
	// Removed are commits that the branch had and does not have any more, oldest first.
	Removed []Removed `json:"removed,omitempty"`
}

// Removed are commits that somebody removed from a target, by a forced push.
type Removed struct {
	// From is the tip that had them, To the one that did not.
	From string    `json:"from"`
	To   string    `json:"to"`
	At   time.Time `json:"at"`
	// Some are the newest of them: abbreviated ids and subjects, which are hostile text.
	Some []string `json:"some,omitempty"`
}

const (
	// maxRemoved is how many removals are remembered, the newest.
	maxRemoved = 20
	// maxSome bounds how many commits a removal names, and maxSomeText each name in bytes.
	maxSome, maxSomeText = 10, 120
)

// seenTargets puts into all where each rig's target was seen.
func (s *Store) seenTargets(ctx context.Context, all map[string]Refinery) error {
	return s.read(ctx, "the targets of the refineries", func(rows *doltdb.Rows) error {
		var rig string
		t, err := scanTarget(rows, &rig)
		r := all[rig]
		r.Rig, r.Target = rig, t
		all[rig] = r
		return err
	}, "SELECT rig, branch, tip, removed FROM refinery_targets")
}

func scanTarget(rows interface{ Scan(...any) error }, rig *string) (t SeenTarget, err error) {
	var removed string
	if err := rows.Scan(rig, &t.Branch, &t.Tip, &removed); err != nil {
		return t, err
	}
	if removed != "" {
		err = json.Unmarshal([]byte(removed), &t.Removed)
	}
	if err != nil || !commitPattern.MatchString(t.Tip) {
		return SeenTarget{}, nil // another program wrote it: the target is seen anew
	}
	return t, nil
}

// SeeTarget records where a rig's target is, if it was last seen where the caller believes
// (from). Otherwise it returns false and changes nothing.
func (s *Store) SeeTarget(ctx context.Context, rig string, from, to SeenTarget, now time.Time) (counted bool, err error) {
	op := "record the target of " + town.Clip(rig, 80)
	if err := town.CheckRig(rig); err != nil {
		return false, explainWork(op, err)
	}
	if !refPattern.MatchString(to.Branch) || !commitPattern.MatchString(to.Tip) {
		return false, explainWork(op, fmt.Errorf("%w: %q at %q is no branch", town.ErrUsage, town.Clip(to.Branch, 80), town.Clip(to.Tip, 80)))
	}
	to.Removed = to.Removed[max(0, len(to.Removed)-maxRemoved):]
	for i := range to.Removed {
		some := &to.Removed[i].Some
		*some = (*some)[:min(len(*some), maxSome)]
		for j, c := range *some {
			(*some)[j] = text(c, maxSomeText)
		}
	}
	encoded, err := json.Marshal(to.Removed)
	if err != nil {
		return false, explainWork(op, err)
	}
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		had, err := scanTarget(tx.QueryRow(ctx, "SELECT rig, branch, tip, removed FROM refinery_targets WHERE rig = ?", rig), new(string))
		if err != nil && !errors.Is(err, doltdb.ErrNoRows) {
			return err
		}
		if counted = had.Branch == from.Branch && had.Tip == from.Tip; !counted {
			return nil
		}
		_, err = tx.Exec(ctx, "REPLACE INTO refinery_targets (rig, branch, tip, removed, seen) VALUES (?, ?, ?, ?, ?)", rig, to.Branch, to.Tip, string(encoded), stamp(now))
		if err != nil {
			return err
		}
		if n := len(to.Removed); n > 0 && to.Removed[n-1].From == had.Tip && had.Branch == to.Branch {
			detail := fmt.Sprintf("%s went back from %.12s to %.12s", to.Branch, had.Tip, to.Tip)
			return s.note(ctx, tx, Entry{At: now, Kind: RefineryRewound, Subject: rig, Detail: detail, Data: data("from", had.Tip, "to", to.Tip, "branch", to.Branch)})
		}
		return nil
	})
	return counted, explainWork(op, err)
}

// BeginTest records that a run of a check begins, so that a run which leaves no result is
// known. RecordTest and ForgetBegun remove that record.
func (s *Store) BeginTest(ctx context.Context, run TestRun) error {
	op := "record the check " + town.Clip(run.Check, 80)
	if err := errors.Join(run.check(), town.CheckRig(run.Rig), town.CheckHandle("check", run.Check)); err != nil {
		return explainWork(op, err)
	}
	return explainWork(op, s.db.Write(ctx, func(tx *doltdb.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO begun_tests (tree, command, environment, rig, name, times, at) VALUES (?, ?, ?, ?, ?, 1, ?) ON DUPLICATE KEY UPDATE times = times + 1, at = ?",
			run.Tree, run.Command, run.Environment, run.Rig, run.Check, stamp(run.At), stamp(run.At))
		return err
	}))
}

// ForgetBegun takes back one BeginTest: the run was ended on purpose, so it does not count
// as interrupted.
func (s *Store) ForgetBegun(ctx context.Context, key TestKey) error {
	return explainWork("forget a check that began", s.db.Write(ctx, func(tx *doltdb.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE begun_tests SET times = times - 1 WHERE tree = ? AND command = ? AND environment = ?", key.Tree, key.Command, key.Environment)
		if err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM begun_tests WHERE times <= 0")
		}
		return err
	}))
}

// begunTests adds the runs that began and left no result to the results.
func (s *Store) begunTests(ctx context.Context, rig string, results []TestResult) ([]TestResult, error) {
	at := map[TestKey]int{}
	for i, r := range results {
		at[r.TestKey] = i
	}
	err := s.read(ctx, "the checks that began", func(rows *doltdb.Rows) error {
		r := TestResult{Rig: rig}
		if err := rows.Scan(&r.Tree, &r.Command, &r.Environment, &r.Check, &r.Interrupted, &r.Begun); err != nil {
			return err
		}
		r.Begun = r.Begun.UTC()
		if i, known := at[r.TestKey]; known {
			results[i].Interrupted, results[i].Begun = r.Interrupted, r.Begun
		} else {
			results = append(results, r)
		}
		return nil
	}, "SELECT tree, command, environment, name, times, at FROM begun_tests WHERE rig = ? ORDER BY at DESC LIMIT ?", rig, maxBegun)
	return results, err
}

// maxBegun is how many runs that began are looked at, the newest.
const maxBegun = 200
