package doltdb

import (
	"context"
	"fmt"
)

// catchUp completes a FastForward that was killed. The engine moves the branch
// first and what the session reads, its working set, in a second write; in
// between, the database looks as if somebody had undone by hand everything that
// arrived, and the next Update would commit just that.
//
// It is known by a working set that is exactly an earlier commit of the branch.
// Any other working set is another program's, and stays.
func (db *Local) catchUp(ctx context.Context) error {
	return db.administer(ctx, func(tx *Tx) error {
		var head, working, staged string
		err := tx.QueryRow(ctx, "SELECT dolt_hashof_db('HEAD'), dolt_hashof_db('WORKING'), dolt_hashof_db('STAGED')").
			Scan(&head, &working, &staged)
		if err != nil || working == head || staged != working {
			return err
		}
		passed, err := tx.passed(ctx)
		if err != nil || !passed {
			return err
		}
		return tx.call(ctx, "CALL DOLT_RESET('--hard')")
	})
}

// passed reports whether the working set is an earlier commit of the branch. It
// looks at commit after commit, newest first.
func (tx *Tx) passed(ctx context.Context) (bool, error) {
	var commits []string
	err := tx.Each(ctx, func(r *Rows) error {
		var c string
		err := r.Scan(&c)
		commits = append(commits, c)
		return err
	}, "SELECT commit_hash FROM dolt_log")
	if err != nil {
		return false, err
	}
	for _, c := range commits {
		var changed int
		err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM dolt_diff_summary(?, 'WORKING')", c).Scan(&changed)
		if err != nil {
			return false, fmt.Errorf("compare with commit %s: %w", c, err)
		}
		if changed == 0 {
			return true, nil
		}
	}
	return false, nil
}
