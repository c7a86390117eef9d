package operational

import (
	"context"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// startSchema holds what keeps assignments from beginning. A row goes when the session
// has its work, and when the assignment ends.
var startSchema = doltdb.Migration{
	Name: "starts",
	Statements: []string{
		`CREATE TABLE start_failures (epoch BIGINT PRIMARY KEY, tries INT NOT NULL, again DATETIME(6) NOT NULL, reason VARCHAR(512) NOT NULL)`,
	},
}

// StartTrouble is what keeps an assignment from beginning.
type StartTrouble struct {
	// Tries is how often it was tried in vain, Again from when on it is tried next.
	Tries int       `json:"tries"`
	Again time.Time `json:"again"`
	// Reason is that of the last time.
	Reason string `json:"reason"`
}

// Failed records that the session of the ticket's run could not be started or handed
// its work, and when that is to be tried again. It returns how often it failed.
func (s *Store) Failed(ctx context.Context, t town.Ticket, reason string, again func(tries int) time.Time) (tries int, err error) {
	err = s.advance(ctx, "record what keeps a worker from", t, func(tx *doltdb.Tx, a Assignment) error {
		err := tx.QueryRow(ctx, "SELECT COALESCE(SUM(tries), 0) FROM start_failures WHERE epoch = ?", int64(a.Epoch)).Scan(&tries)
		if err != nil {
			return err
		}
		tries++
		_, err = tx.Exec(ctx, "REPLACE INTO start_failures (epoch, tries, again, reason) VALUES (?, ?, ?, ?)",
			int64(a.Epoch), tries, stamp(again(tries)), text(reason, maxEvidence))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE operational_state SET evidence = ? WHERE agent = ?", text(reason, maxEvidence), a.Agent.String())
		return err
	})
	return tries, err
}

// began forgets what kept an assignment from beginning.
func began(ctx context.Context, tx *doltdb.Tx, e town.Epoch) error {
	_, err := tx.Exec(ctx, "DELETE FROM start_failures WHERE epoch = ?", int64(e))
	return err
}

// PruneWork removes assignments, merge requests, recoveries and nudges that ended before a
// time, with what belongs to them, and results of checks that ran or began before it. What still
// holds a bead or waits stays, however old it is. It returns how many rows of those
// it removed. An epoch is never given again.
func (s *Store) PruneWork(ctx context.Context, before time.Time) (removed int64, err error) {
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		removed = 0
		for _, q := range []string{
			"DELETE FROM merge_requests WHERE changed < ? AND state NOT IN (" + openMerges + ")" +
				" AND epoch NOT IN (SELECT epoch FROM assignments WHERE open_bead IS NOT NULL OR open_agent IS NOT NULL)",
			"DELETE FROM assignments WHERE changed < ? AND open_bead IS NULL AND open_agent IS NULL" +
				" AND epoch NOT IN (SELECT epoch FROM merge_requests)",
			pruneNudges,
			"DELETE FROM test_results WHERE at < ?",
			"DELETE FROM begun_tests WHERE at < ?",
			"DELETE FROM recoveries WHERE changed < ? AND state NOT IN (" + openRecoveries + ")",
		} {
			n, err := tx.Exec(ctx, q, stamp(before))
			if err != nil {
				return err
			}
			removed += n
		}
		_, err := tx.Exec(ctx, "DELETE FROM merge_details WHERE epoch NOT IN (SELECT epoch FROM merge_requests)")
		return err
	})
	return removed, explainWork("remove work that ended long ago", err)
}
