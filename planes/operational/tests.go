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

// TestOutcome is how a run of a check ended.
type TestOutcome string

// The three ends of a check.
const (
	TestPassed TestOutcome = "passed"
	TestFailed TestOutcome = "failed"
	// TestBroken: it could not be run to its end, so it says nothing about the tree.
	TestBroken TestOutcome = "could not be run"
)

// TestKey is what a result is about: the same tree, the same command, the same
// environment. Each is the name of a Git object or a digest.
type TestKey struct {
	Tree        string `json:"tree"`
	Command     string `json:"command"`
	Environment string `json:"environment"`
}

var digestPattern = regexp.MustCompile(`^[0-9a-z:_-]{1,64}$`)

func (k TestKey) check() error {
	for _, word := range []string{k.Tree, k.Command, k.Environment} {
		if !digestPattern.MatchString(word) {
			return fmt.Errorf("%w: %q is not a digest", town.ErrUsage, town.Clip(word, 80))
		}
	}
	return nil
}

// TestRun is one run of a check.
type TestRun struct {
	TestKey
	Rig   string
	Check string
	End   TestOutcome
	// Detail says how it ended in one line, Log is the name of its log.
	Detail, Log string
	Took        time.Duration
	At          time.Time
}

// TestResult is what the runs of a check with one tree say together.
type TestResult struct {
	TestKey
	Rig   string `json:"rig"`
	Check string `json:"check"`
	// Passed: it passed, and had not failed before. It stays so until a run says
	// something else.
	Passed bool `json:"passed"`
	// Fails counts runs that failed in a row, Broken those in a row that could not be
	// run. Doubts counts how often it passed right after it had failed: such a pass
	// does not count.
	Fails  int `json:"fails,omitempty"`
	Broken int `json:"broken,omitempty"`
	Doubts int `json:"doubts,omitempty"`
	// Interrupted counts the runs that began after the last one that ended, and left no
	// result because the process that ran them was killed.
	Interrupted int `json:"interrupted,omitempty"`
	// Begun is when the last of those began.
	Begun time.Time `json:"begun,omitzero"`
	// Detail, Log, Took and At are of the last run.
	Detail string        `json:"detail,omitempty"`
	Log    string        `json:"log,omitempty"`
	Took   time.Duration `json:"took,omitempty"`
	At     time.Time     `json:"at"`
}

// After is the result with one more run.
func (r TestResult) After(run TestRun) TestResult {
	r.TestKey, r.Rig, r.Check = run.TestKey, run.Rig, run.Check
	r.Detail, r.Log, r.Took, r.At = text(run.Detail, maxReason), run.Log, run.Took, run.At
	switch run.End {
	case TestPassed:
		if r.Fails > 0 {
			r.Doubts++
		}
		r.Passed, r.Fails, r.Broken = r.Fails == 0, 0, 0
	case TestFailed:
		r.Passed, r.Fails, r.Broken = false, r.Fails+1, 0
	default:
		r.Passed, r.Broken = false, r.Broken+1
	}
	return r
}

const testColumns = "tree, command, environment, rig, name, passed, fails, broken, doubts, detail, log, took, at"

func scanTest(rows interface{ Scan(...any) error }) (r TestResult, err error) {
	var took int64
	err = rows.Scan(&r.Tree, &r.Command, &r.Environment, &r.Rig, &r.Check, &r.Passed, &r.Fails, &r.Broken, &r.Doubts, &r.Detail, &r.Log, &took, &r.At)
	r.Took, r.At = time.Duration(took)*time.Millisecond, r.At.UTC()
	return r, err
}

// RecordTest adds a run to the result of its key, in one transaction.
func (s *Store) RecordTest(ctx context.Context, run TestRun) (r TestResult, err error) {
	op := "record the check " + town.Clip(run.Check, 80)
	if err := errors.Join(run.check(), town.CheckRig(run.Rig), town.CheckHandle("check", run.Check)); err != nil {
		return r, explainWork(op, err)
	}
	run.At = moment(run.At)
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		before, err := scanTest(tx.QueryRow(ctx, "SELECT "+testColumns+" FROM test_results WHERE tree = ? AND command = ? AND environment = ?",
			run.Tree, run.Command, run.Environment))
		if err != nil && !errors.Is(err, doltdb.ErrNoRows) {
			return err
		}
		r = before.After(run)
		_, err = tx.Exec(ctx, "REPLACE INTO test_results ("+testColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", r.Tree, r.Command, r.Environment,
			r.Rig, r.Check, r.Passed, r.Fails, r.Broken, r.Doubts, r.Detail, text(r.Log, 120), r.Took.Milliseconds(), stamp(r.At))
		if err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM begun_tests WHERE tree = ? AND command = ? AND environment = ?", r.Tree, r.Command, r.Environment)
		}
		return err
	})
	return r, explainWork(op, err)
}

// LastTests are the newest results of a rig, newest first, and after them the interrupted
// runs.
func (s *Store) LastTests(ctx context.Context, rig string, most int) (all []TestResult, err error) {
	err = s.read(ctx, "the results of checks", func(rows *doltdb.Rows) error {
		r, err := scanTest(rows)
		all = append(all, r)
		return err
	}, "SELECT "+testColumns+" FROM test_results WHERE rig = ? ORDER BY at DESC LIMIT ?", rig, most)
	if err != nil {
		return all, err
	}
	return s.begunTests(ctx, rig, all)
}

// ForgetFailures removes the results of a rig that are not passes, and its interrupted
// runs: they were not about the trees.
func (s *Store) ForgetFailures(ctx context.Context, rig string) error {
	return explainWork("forget failures of "+town.Clip(rig, 80), s.db.Write(ctx, func(tx *doltdb.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM test_results WHERE rig = ? AND passed = FALSE", rig)
		if err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM begun_tests WHERE rig = ?", rig)
		}
		return err
	}))
}
