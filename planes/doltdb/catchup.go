package doltdb

import (
	"context"
	"fmt"
	"strconv"
)

// catchUp completes a FastForward that was killed. The engine moves the branch
// first and what the session reads, its working set, in a second write; in
// between, the database looks as if somebody had undone by hand everything that
// arrived, and the next Update would commit just that.
//
// It is known by a working set that is exactly an earlier commit of the branch.
// Any other working set is another program's, and stays.
func (db *Local) catchUp(ctx context.Context) error {
	var passed bool
	err := db.View(ctx, func(tx *Tx) error {
		var head, working, staged string
		err := tx.QueryRow(ctx, "SELECT dolt_hashof_db('HEAD'), dolt_hashof_db('WORKING'), dolt_hashof_db('STAGED')").
			Scan(&head, &working, &staged)
		if err == nil && working != head && staged == working {
			passed, err = tx.passed(ctx)
		}
		return err
	})
	if err != nil || !passed {
		return err
	}
	return db.administer(ctx, func(tx *Tx) error { return tx.call(ctx, "CALL DOLT_RESET('--hard')") })
}

// maxPassed is how many commits of each kind a working set is compared with. One
// that equals none of them is another program's: to compare with a history
// without end would delay every opening until that program commits.
const maxPassed = 64

// passed reports whether the working set is where the branch was before, newest
// first: where the engine's own notes say it was, for an advance may pass any
// number of commits, and, since a collection drops those, the commits behind it.
func (tx *Tx) passed(ctx context.Context) (bool, error) {
	seen := map[string]bool{}
	for _, q := range []string{"SELECT commit_hash FROM dolt_reflog('" + Branch + "')", "SELECT commit_hash FROM dolt_log"} {
		var commits []string
		err := tx.Each(ctx, func(r *Rows) error {
			var c string
			err := r.Scan(&c)
			commits = append(commits, c)
			return err
		}, q+" LIMIT "+strconv.Itoa(maxPassed))
		if err != nil {
			return false, err
		}
		for _, c := range commits {
			if seen[c] {
				continue
			}
			seen[c] = true
			var changed int
			err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM dolt_diff_summary(?, 'WORKING')", c).Scan(&changed)
			if err != nil {
				return false, fmt.Errorf("compare with commit %s: %w", c, err)
			}
			if changed == 0 {
				return true, nil
			}
		}
	}
	return false, nil
}
