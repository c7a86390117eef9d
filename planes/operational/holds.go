package operational

import (
	"context"
	"slices"
	"time"

	"gastown/planes/doltdb"
)

// holdSchema holds what keeps waiting beads from being assigned.
var holdSchema = doltdb.Migration{
	Name: "holds",
	Statements: []string{
		`CREATE TABLE queue_holds (rig VARCHAR(64) PRIMARY KEY, bound VARCHAR(64) NOT NULL, why VARCHAR(512) NOT NULL, since DATETIME(6) NOT NULL)`,
	},
}

// The kinds of the feed's events about holds: the beads of a rig wait because of a
// bound, and they do not any more.
const (
	QueueHeld = "queue.held"
	QueueFree = "queue.free"
)

// Hold says why the beads of a rig wait.
type Hold struct {
	Rig string `json:"rig"`
	// Bound is the setting that holds them, Why what is so, Since from when on.
	Bound string    `json:"bound"`
	Why   string    `json:"why"`
	Since time.Time `json:"since"`
}

// SameHolds reports whether the same bounds hold the same rigs.
func SameHolds(a, b []Hold) bool {
	return slices.EqualFunc(a, b, func(a, b Hold) bool { return a.Rig == b.Rig && a.Bound == b.Bound })
}

// Hold replaces what keeps beads from being assigned, in one transaction. The feed tells
// only of rigs for which the bound changed.
func (s *Store) Hold(ctx context.Context, list []Hold, now time.Time) error {
	now = moment(now)
	return explainWork("record what keeps beads waiting", s.db.Write(ctx, func(tx *doltdb.Tx) error {
		before := map[string]string{}
		err := tx.Each(ctx, func(rows *doltdb.Rows) error {
			var rig, bound string
			err := rows.Scan(&rig, &bound)
			before[rig] = bound
			return err
		}, "SELECT rig, bound FROM queue_holds")
		if err != nil {
			return err
		}
		var entries []Entry
		for _, h := range list {
			bound, was := before[h.Rig]
			delete(before, h.Rig)
			if was && bound == h.Bound {
				continue
			}
			why := text(h.Why, maxEvidence)
			if err := write(ctx, tx, doltdb.Replace, "queue_holds", "rig, bound, why, since", [][]any{{h.Rig, text(h.Bound, 64), why, stamp(now)}}); err != nil {
				return err
			}
			entries = append(entries, Entry{At: now, Kind: QueueHeld, Subject: h.Rig, Detail: h.Bound + ": " + why, Data: data("bound", h.Bound)})
		}
		for rig := range before {
			if _, err := tx.Exec(ctx, "DELETE FROM queue_holds WHERE rig = ?", rig); err != nil {
				return err
			}
			entries = append(entries, Entry{At: now, Kind: QueueFree, Subject: rig, Detail: "nothing keeps its beads any more"})
		}
		return s.note(ctx, tx, entries...)
	}))
}
