package doltdb

import (
	"context"
	"fmt"
	"strconv"
)

// catchUp completes a FastForward that was killed. The engine moves the branch
// first and the working set, which sessions read, in a second write. In
// between, the database looks as if somebody had undone everything that
// arrived, and the next Update would commit just that.
//
// The sign of it is a working set that equals an earlier commit of the branch.
// Any other working set was made by another program, and stays.
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

// maxPassed is how many commits of each kind a working set is compared with. A
// working set that equals none of them was made by another program; comparing
// it with an endless history would delay every opening until that program
// commits.
const maxPassed = 64

// passed reports whether the working set is at an earlier place of the branch.
// It looks in the engine's reflog first, because a fast-forward may pass any
// number of commits, and then in the branch's history, because a garbage
// collection clears the reflog.
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
