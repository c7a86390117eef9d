package operational

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

const alertColumns = "fingerprint, name, severity, source, labels, summary, since, ended, changed"

// RaiseAlert records that an alert fires, in one transaction with its event in the feed.
// Of an alert that already fires only the severity and the summary change. One that had
// ended fires again, since now. changed reports whether anything was written.
func (s *Store) RaiseAlert(ctx context.Context, a Alert, now time.Time) (changed bool, err error) {
	if a, err = AlertOf(a); err != nil {
		return false, err
	}
	now = moment(now)
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		firing, err := alerts(ctx, tx, "WHERE ended IS NULL")
		if err == nil {
			changed, err = s.raise(ctx, tx, firing, []Alert{a}, now)
		}
		return err
	})
	return changed, explainWork("raise the alert "+a.Name, err)
}

// EndAlert records that an alert ended. changed is false if it did not fire.
func (s *Store) EndAlert(ctx context.Context, fingerprint string, now time.Time) (changed bool, err error) {
	now = moment(now)
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		over, err := alerts(ctx, tx, "WHERE fingerprint = ? AND ended IS NULL", fingerprint)
		if err != nil {
			return err
		}
		changed = len(over) > 0
		return s.end(ctx, tx, over, now)
	})
	return changed, explainWork("end the alert "+town.Clip(fingerprint, 64), err)
}

// SettleAlerts makes the firing alerts of a source exactly those of the list: it raises
// those that do not fire yet, and ends the others. Where nothing differs it only reads,
// in one query. An alert that already fires for another source stays with that source.
func (s *Store) SettleAlerts(ctx context.Context, source AlertSource, list []Alert, now time.Time) (changed bool, err error) {
	now = moment(now)
	wanted := make([]Alert, 0, len(list))
	for _, a := range list {
		a.Source = source
		if a, err = AlertOf(a); err != nil {
			return false, err
		}
		wanted = append(wanted, a)
	}
	wanted = last(wanted, func(a Alert) string { return a.Fingerprint })
	same := func(firing []Alert) bool {
		return len(over(firing, wanted, source)) == 0 && !slices.ContainsFunc(wanted, func(a Alert) bool { return differs(firing, a) })
	}
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		firing, err := alerts(ctx, tx, "WHERE ended IS NULL")
		changed = err == nil && !same(firing)
		return err
	})
	if err == nil && changed {
		err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
			firing, err := alerts(ctx, tx, "WHERE ended IS NULL")
			if err != nil {
				return err
			}
			gone := over(firing, wanted, source)
			if err := s.end(ctx, tx, gone, now); err != nil {
				return err
			}
			firing = slices.DeleteFunc(firing, func(f Alert) bool { return find(gone, f.Fingerprint) >= 0 })
			raised, err := s.raise(ctx, tx, firing, wanted, now)
			changed = raised || len(gone) > 0
			return err
		})
	}
	return changed, explainWork("record the alerts of every "+string(source), err)
}

// over are the firing alerts of a source that are not wanted.
func over(firing, wanted []Alert, source AlertSource) (list []Alert) {
	for _, f := range firing {
		if f.Source == source && find(wanted, f.Fingerprint) < 0 {
			list = append(list, f)
		}
	}
	return list
}

func find(list []Alert, fingerprint string) int {
	return slices.IndexFunc(list, func(a Alert) bool { return a.Fingerprint == fingerprint })
}

// differs reports whether an alert does not fire, or not like this.
func differs(firing []Alert, a Alert) bool {
	i := find(firing, a.Fingerprint)
	return i < 0 || firing[i].Source == a.Source && (firing[i].Severity != a.Severity || firing[i].Summary != a.Summary)
}

func (s *Store) raise(ctx context.Context, tx *doltdb.Tx, firing, list []Alert, now time.Time) (changed bool, err error) {
	count := map[AlertSource]int{}
	for _, f := range firing {
		count[f.Source]++
	}
	var rows [][]any
	var entries []Entry
	for _, a := range list {
		if !differs(firing, a) {
			continue
		}
		tell := true
		a.Since = now
		if i := find(firing, a.Fingerprint); i >= 0 {
			a.Since, tell = firing[i].Since, firing[i].Severity != a.Severity
		} else if count[a.Source]++; count[a.Source] > MaxAlerts {
			return false, fmt.Errorf("%w: %d alerts of every %s fire already, and there may be no more at once", town.ErrRefused, MaxAlerts, a.Source)
		}
		rows = append(rows, []any{a.Fingerprint, a.Name, string(a.Severity), string(a.Source), a.labels(), a.Summary, stamp(a.Since), nil, stamp(now)})
		if tell {
			entries = append(entries, a.entry(AlertRaised, now))
		}
	}
	if len(rows) == 0 {
		return false, nil
	}
	if err := write(ctx, tx, doltdb.Replace, "alerts", alertColumns, rows); err != nil {
		return false, err
	}
	return true, s.note(ctx, tx, entries...)
}

func (s *Store) end(ctx context.Context, tx *doltdb.Tx, list []Alert, now time.Time) error {
	var entries []Entry
	for _, a := range list {
		if _, err := tx.Exec(ctx, "UPDATE alerts SET ended = ?, changed = ? WHERE fingerprint = ?", stamp(now), stamp(now), a.Fingerprint); err != nil {
			return err
		}
		entries = append(entries, a.entry(AlertEnded, now))
	}
	return s.note(ctx, tx, entries...)
}

func (a Alert) entry(kind string, now time.Time) Entry {
	return Entry{At: now, Kind: kind, Subject: a.Name, Detail: string(a.Severity) + ": " + a.Summary,
		Data: data("fingerprint", a.Fingerprint, "severity", string(a.Severity), "source", string(a.Source))}
}

// Alerts returns the alerts that fire, the oldest first, and after them those that ended
// at since or later, in the order of their ends. With the zero time it returns only those
// that fire.
func (s *Store) Alerts(ctx context.Context, since time.Time) (list []Alert, err error) {
	where, args := "WHERE ended IS NULL", []any(nil)
	if !since.IsZero() {
		where, args = "WHERE ended IS NULL OR ended >= ?", []any{stamp(since)}
	}
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		list, err = alerts(ctx, tx, where, args...)
		return err
	})
	return list, explainWork("read the alerts", err)
}

func alerts(ctx context.Context, tx *doltdb.Tx, where string, args ...any) (list []Alert, err error) {
	err = tx.Each(ctx, func(rows *doltdb.Rows) error {
		var a Alert
		var labels string
		var ended sql.NullTime
		if err := rows.Scan(&a.Fingerprint, &a.Name, &a.Severity, &a.Source, &labels, &a.Summary, &a.Since, &ended, &a.Changed); err != nil {
			return err
		}
		a.Since, a.Changed = a.Since.UTC(), a.Changed.UTC()
		if ended.Valid {
			a.Ended = ended.Time.UTC()
		}
		if json.Unmarshal([]byte(labels), &a.Labels) != nil || a.Labels == nil {
			a.Labels = map[string]string{} // another program spoilt them
		}
		list = append(list, a)
		return nil
	}, "SELECT "+alertColumns+" FROM alerts "+where, args...)
	slices.SortFunc(list, func(a, b Alert) int {
		// The end of one that fires is the zero time, so it comes first.
		return cmp.Or(a.Ended.Compare(b.Ended), a.Since.Compare(b.Since), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
	return list, err
}

// PruneAlerts removes the alerts and silences that ended more than AlertsKept ago, and the
// oldest alerts of those that ended when they are too many. It returns how many it removed.
func (s *Store) PruneAlerts(ctx context.Context, now time.Time) (removed int64, err error) {
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		removed, err = tx.Exec(ctx, "DELETE FROM alerts WHERE ended < ?", stamp(now.Add(-AlertsKept)))
		if err != nil {
			return err
		}
		many, err := tx.Exec(ctx, fmt.Sprintf("DELETE FROM alerts WHERE ended < (SELECT at FROM (SELECT ended AS at FROM alerts"+
			" WHERE ended IS NOT NULL ORDER BY ended DESC LIMIT 1 OFFSET %d) AS newest)", maxEnded-1))
		removed += many
		if err == nil {
			many, err = tx.Exec(ctx, "DELETE FROM silences WHERE ends < ?", stamp(now.Add(-AlertsKept)))
			removed += many
		}
		return err
	})
	return removed, explainWork("remove alerts that ended long ago", err)
}
