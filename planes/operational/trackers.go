package operational

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town/tracker"
)

// trackerSchema holds what integration plugins made of beads at issue trackers.
var trackerSchema = doltdb.Migration{
	Name: "trackers",
	Statements: []string{
		`CREATE TABLE tracker_plugins (plugin VARCHAR(64) PRIMARY KEY, began DATETIME(6) NOT NULL, paused_until DATETIME(6), reason VARCHAR(600) NOT NULL)`,
		`CREATE TABLE tracker_links (
			plugin VARCHAR(64), bead VARCHAR(128), state VARCHAR(16) NOT NULL, issue VARCHAR(140) NOT NULL, url VARCHAR(255) NOT NULL,
			theirs BOOLEAN NOT NULL, sent VARCHAR(64) NOT NULL, closed BOOLEAN NOT NULL, asked DATETIME(6), reason VARCHAR(600) NOT NULL,
			attempts INT NOT NULL, due DATETIME(6), marks BIGINT NOT NULL, version BIGINT NOT NULL, changed DATETIME(6) NOT NULL,
			PRIMARY KEY (plugin, bead), INDEX idx_tracker_due (plugin, due), INDEX idx_tracker_issue (plugin, issue))`,
		`CREATE TABLE tracker_comments (
			plugin VARCHAR(64), bead VARCHAR(128), comment VARCHAR(128), state VARCHAR(16) NOT NULL, asked DATETIME(6),
			PRIMARY KEY (plugin, bead, comment))`,
	},
}

const linkColumns = "plugin, bead, state, issue, url, theirs, sent, closed, asked, reason, attempts, due, marks, version, changed"

// orNull is a time for a column that is NULL for the zero time.
func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}

func linkRow(l tracker.Link) []any {
	return []any{l.Plugin, l.Bead, string(l.State), text(l.Issue, 128), text(l.URL, 250), l.Theirs, l.Sent, l.Closed, orNull(l.Asked),
		text(l.Reason, 590), l.Attempts, orNull(l.Next), l.Marks, l.Version, stamp(l.Changed)}
}

func trackerLinks(ctx context.Context, tx *doltdb.Tx, where string, args ...any) (list []tracker.Link, err error) {
	err = tx.Each(ctx, func(rows *doltdb.Rows) error {
		var l tracker.Link
		var asked, next sql.NullTime
		err := rows.Scan(&l.Plugin, &l.Bead, &l.State, &l.Issue, &l.URL, &l.Theirs, &l.Sent, &l.Closed, &asked, &l.Reason, &l.Attempts, &next, &l.Marks, &l.Version, &l.Changed)
		if asked.Valid {
			l.Asked = asked.Time.UTC()
		}
		if next.Valid {
			l.Next = next.Time.UTC()
		}
		l.Changed = l.Changed.UTC()
		list = append(list, l)
		return err
	}, "SELECT "+linkColumns+" FROM tracker_links "+where, args...)
	return list, err
}

// viewLinks reads links in a view of its own.
func (s *Store) viewLinks(ctx context.Context, where string, args ...any) (list []tracker.Link, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		list, err = trackerLinks(ctx, tx, where, args...)
		return err
	})
	return list, explainWork("read what was sent to a tracker", err)
}

// TrackerStanding returns the state of a plugin's exchange with its tracker. found is false
// for a plugin that never ran.
func (s *Store) TrackerStanding(ctx context.Context, plugin string) (st tracker.Standing, found bool, err error) {
	err = s.read(ctx, "the standing of the plugin "+plugin, func(rows *doltdb.Rows) error {
		var until sql.NullTime
		err := rows.Scan(&st.Began, &until, &st.Reason)
		st.Began, found = st.Began.UTC(), true
		if until.Valid {
			st.Until = until.Time.UTC()
		}
		return err
	}, "SELECT began, paused_until, reason FROM tracker_plugins WHERE plugin = ?", plugin)
	return st, found, err
}

// SetTrackerStanding stores the state of a plugin's exchange with its tracker.
func (s *Store) SetTrackerStanding(ctx context.Context, plugin string, st tracker.Standing) error {
	return explainWork("record the standing of the plugin "+plugin, s.db.Write(ctx, func(tx *doltdb.Tx) error {
		return write(ctx, tx, doltdb.Replace, "tracker_plugins", "plugin, began, paused_until, reason",
			[][]any{{plugin, stamp(st.Began), orNull(st.Until), text(st.Reason, 590)}})
	}))
}

// MarkTrackerBeads notes news of beads for a plugin: the link of each is due at now. The
// value is the state of a link that is made if there is none, tracker.Seen or
// tracker.Wanted; with "" none is made.
func (s *Store) MarkTrackerBeads(ctx context.Context, plugin string, beads map[string]tracker.State, now time.Time) error {
	now = moment(now)
	ids := slices.Sorted(maps.Keys(beads))
	return explainWork("note news of beads for the plugin "+plugin, s.db.Write(ctx, func(tx *doltdb.Tx) error {
		for some := range slices.Chunk(ids, batchRows) {
			args := []any{plugin}
			for _, id := range some {
				args = append(args, id)
			}
			there, err := trackerLinks(ctx, tx, "WHERE plugin = ? AND bead IN ("+strings.TrimSuffix(strings.Repeat("?,", len(some)), ",")+")", args...)
			if err != nil {
				return err
			}
			known := map[string]tracker.Link{}
			for _, l := range there {
				known[l.Bead] = l
			}
			rows := make([][]any, 0, len(some))
			for _, id := range some {
				l, found := known[id]
				if !found && beads[id] == "" {
					continue
				}
				if !found {
					l = tracker.Link{Plugin: plugin, Bead: id, State: beads[id], Changed: now}
				}
				if beads[id] == tracker.Wanted && l.State == tracker.Seen {
					l.State = tracker.Wanted
				}
				// A creation with an unknown outcome waits for its time.
				if l.Next.IsZero() || l.Next.After(now) && l.State != tracker.Asked {
					l.Next = now
				}
				l.Marks++
				rows = append(rows, linkRow(l))
			}
			if len(rows) == 0 {
				continue
			}
			if err := write(ctx, tx, doltdb.Replace, "tracker_links", linkColumns, rows); err != nil {
				return err
			}
		}
		return nil
	}))
}

// MarkTrackerRefused makes the links of a plugin due that wait for a person, and forgets
// which comments were refused.
func (s *Store) MarkTrackerRefused(ctx context.Context, plugin string, now time.Time) error {
	return explainWork("try again what was refused", s.db.Write(ctx, func(tx *doltdb.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE tracker_links SET due = ?, marks = marks + 1 WHERE plugin = ? AND reason <> '' AND due IS NULL", stamp(now), plugin)
		if err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM tracker_comments WHERE plugin = ? AND state = ?", plugin, string(tracker.CommentRefused))
		}
		return err
	}))
}

// TrackerDue returns the links of a plugin with something to do at now, those that wait longest
// first, at most limit.
func (s *Store) TrackerDue(ctx context.Context, plugin string, now time.Time, limit int) ([]tracker.Link, error) {
	return s.viewLinks(ctx, fmt.Sprintf("WHERE plugin = ? AND due <= ? ORDER BY due, bead LIMIT %d", max(limit, 0)), plugin, stamp(now))
}

// TrackerLinks returns all links of a plugin, or of all plugins for "", in the order of
// plugins and beads.
func (s *Store) TrackerLinks(ctx context.Context, plugin string) ([]tracker.Link, error) {
	if plugin == "" {
		return s.viewLinks(ctx, "ORDER BY plugin, bead")
	}
	return s.viewLinks(ctx, "WHERE plugin = ? ORDER BY bead", plugin)
}

// PendingTrackerLinks returns the links of a plugin with something to do or a Reason.
func (s *Store) PendingTrackerLinks(ctx context.Context, plugin string) ([]tracker.Link, error) {
	return s.viewLinks(ctx, "WHERE plugin = ? AND (due IS NOT NULL OR reason <> '') ORDER BY bead", plugin)
}

// TrackerLinkOf returns the link of an issue.
func (s *Store) TrackerLinkOf(ctx context.Context, plugin, issue string) (l tracker.Link, found bool, err error) {
	list, err := s.viewLinks(ctx, "WHERE plugin = ? AND issue = ? ORDER BY bead LIMIT 1", plugin, issue)
	if len(list) > 0 {
		l, found = list[0], true
	}
	return l, found, err
}

// SaveTrackerLink stores a link and returns it as stored. When the row changed since the
// link was read, it does nothing and saved is false. When the bead was marked meanwhile,
// the stored Next stays.
func (s *Store) SaveTrackerLink(ctx context.Context, l tracker.Link) (stored tracker.Link, saved bool, err error) {
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		stored, saved = l, false
		is, err := trackerLinks(ctx, tx, "WHERE plugin = ? AND bead = ?", l.Plugin, l.Bead)
		if err != nil || len(is) == 0 || is[0].Version != l.Version {
			return err
		}
		if is[0].Marks != l.Marks {
			stored.Next, stored.Marks = is[0].Next, is[0].Marks
		}
		stored.Version++
		saved = true
		return write(ctx, tx, doltdb.Replace, "tracker_links", linkColumns, [][]any{linkRow(stored)})
	})
	return stored, saved && err == nil, explainWork("record what was sent of "+l.Bead, err)
}

// AdoptTrackerLink stores a link of a bead that has none.
func (s *Store) AdoptTrackerLink(ctx context.Context, l tracker.Link) error {
	return explainWork("record the issue of "+l.Bead, s.db.Write(ctx, func(tx *doltdb.Tx) error {
		is, err := trackerLinks(ctx, tx, "WHERE plugin = ? AND bead = ?", l.Plugin, l.Bead)
		if err != nil || len(is) > 0 && is[0].State != tracker.Seen && is[0].State != tracker.Wanted {
			return err
		}
		if len(is) > 0 {
			// The feed told of the bead first. No issue was asked for.
			l.Version, l.Marks, l.Next = is[0].Version+1, is[0].Marks, is[0].Next
		}
		return write(ctx, tx, doltdb.Replace, "tracker_links", linkColumns, [][]any{linkRow(l)})
	}))
}

// DropTrackerLink removes a link that has no issue, unless it was changed since it was read.
func (s *Store) DropTrackerLink(ctx context.Context, l tracker.Link) error {
	return explainWork("forget "+l.Bead, s.db.Write(ctx, func(tx *doltdb.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM tracker_links WHERE plugin = ? AND bead = ? AND issue = '' AND version = ? AND marks = ?", l.Plugin, l.Bead, l.Version, l.Marks)
		return err
	}))
}

// TrackerComments returns the states of the comments of a bead, by their ids.
func (s *Store) TrackerComments(ctx context.Context, plugin, bead string) (map[string]tracker.Comment, error) {
	out := map[string]tracker.Comment{}
	err := s.read(ctx, "the comments that were sent of "+bead, func(rows *doltdb.Rows) error {
		var c tracker.Comment
		var asked sql.NullTime
		err := rows.Scan(&c.ID, &c.State, &asked)
		if asked.Valid {
			c.Asked = asked.Time.UTC()
		}
		out[c.ID] = c
		return err
	}, "SELECT comment, state, asked FROM tracker_comments WHERE plugin = ? AND bead = ?", plugin, bead)
	return out, err
}

const commentColumns = "plugin, bead, comment, state, asked"

// AskTrackerComment records that a tracker is asked to add a comment. When the stored
// comment differs from before, nothing changes and won is false. A comment that was never
// asked for has an empty State in before.
func (s *Store) AskTrackerComment(ctx context.Context, plugin, bead string, before tracker.Comment, now time.Time) (won bool, err error) {
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		won = false
		var state tracker.CommentState
		var asked sql.NullTime
		err := tx.QueryRow(ctx, "SELECT state, asked FROM tracker_comments WHERE plugin = ? AND bead = ? AND comment = ?", plugin, bead, before.ID).Scan(&state, &asked)
		if errors.Is(err, doltdb.ErrNoRows) {
			err = nil
		}
		if err != nil || state != before.State || asked.Valid && !asked.Time.Equal(before.Asked) {
			return err
		}
		won = true
		return write(ctx, tx, doltdb.Replace, "tracker_comments", commentColumns, [][]any{{plugin, bead, before.ID, string(tracker.CommentAsked), stamp(now)}})
	})
	return won && err == nil, explainWork("record that a comment of "+bead+" is sent", err)
}

// SaveTrackerComment stores the state of a comment.
func (s *Store) SaveTrackerComment(ctx context.Context, plugin, bead string, c tracker.Comment) error {
	return explainWork("record a comment of "+bead, s.db.Write(ctx, func(tx *doltdb.Tx) error {
		return write(ctx, tx, doltdb.Replace, "tracker_comments", commentColumns, [][]any{{plugin, bead, c.ID, string(c.State), orNull(c.Asked)}})
	}))
}
