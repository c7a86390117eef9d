package operational

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Waiting is a bead that waits for a worker.
type Waiting struct {
	Bead string `json:"bead"`
	// Seq is given when the entry is made: later ones have higher numbers.
	Seq int64  `json:"seq"`
	Rig string `json:"rig"`
	// Priority is the bead's, 0 is the most urgent.
	Priority int        `json:"priority"`
	Options  town.Sling `json:"options"`
	// Tries is how often an assignment was begun for it and could not be.
	Tries int       `json:"tries,omitempty"`
	By    string    `json:"asked_by,omitempty"`
	At    time.Time `json:"at"`
}

// Check reports whether every part is valid.
func (w Waiting) Check() error {
	return errors.Join(town.CheckBeadID(w.Bead), town.CheckRig(w.Rig), w.Options.Check())
}

// FullError reports a queue without room.
type FullError struct{ Waiting, Asked, Size int }

func (e *FullError) Error() string {
	return fmt.Sprintf("the queue has room for %d beads; %d wait and %d more were asked for", e.Size, e.Waiting, e.Asked)
}

// Unwrap makes it a town.ErrBusy: there is room again later.
func (e *FullError) Unwrap() error { return town.ErrBusy }

// QueuedError reports a bead that waits in the queue already.
type QueuedError struct{ Entry Waiting }

func (e *QueuedError) Error() string {
	return fmt.Sprintf("%s waits for a worker of %s already, since %s", e.Entry.Bead, e.Entry.Rig, e.Entry.At.Format(time.RFC3339))
}

// Unwrap makes it a town.ErrRefused.
func (e *QueuedError) Unwrap() error { return town.ErrRefused }

// Enqueue lets beads wait for workers, in their order and in one transaction: all
// of them or, with an error, none. It fails with a *TakenError for a bead that
// somebody has, with a *QueuedError for one that waits already, and with a
// *FullError when fewer than all have room; size 0 is no bound. It returns the
// entries as they are stored.
func (s *Store) Enqueue(ctx context.Context, list []Waiting, size int, now time.Time) (stored []Waiting, err error) {
	var ids []any
	for _, w := range list {
		if err := w.Check(); err != nil {
			return nil, explainWork("queue "+town.Clip(w.Bead, 80), err)
		}
		if slices.Contains(ids, any(w.Bead)) {
			return nil, fmt.Errorf("queue %s: %w: it is named twice", w.Bead, town.ErrUsage)
		}
		ids = append(ids, w.Bead)
	}
	if len(list) == 0 {
		return nil, nil
	}
	now = moment(now)
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		stored, err = s.enqueue(ctx, tx, list, ids, size, now)
		return err
	})
	if err != nil {
		return nil, explainWork("queue work", err)
	}
	return stored, nil
}

func (s *Store) enqueue(ctx context.Context, tx *doltdb.Tx, list []Waiting, ids []any, size int, now time.Time) ([]Waiting, error) {
	in := "(?" + strings.Repeat(", ?", len(ids)-1) + ")"
	var taken, waits error
	err := tx.Each(ctx, func(rows *doltdb.Rows) error {
		a, err := scanAssignment(rows)
		taken = errors.Join(taken, &TakenError{a})
		return err
	}, "SELECT "+assignmentColumns+" FROM assignments WHERE open_bead IN "+in+" ORDER BY bead", ids...)
	if err == nil {
		err = tx.Each(ctx, func(rows *doltdb.Rows) error {
			w, err := scanWaiting(rows)
			waits = errors.Join(waits, &QueuedError{w})
			return err
		}, "SELECT "+queueColumns+" FROM work_queue WHERE bead IN "+in+" ORDER BY bead", ids...)
	}
	if err = errors.Join(err, taken, waits); err != nil {
		return nil, err
	}
	var waiting int
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM work_queue").Scan(&waiting); err != nil {
		return nil, err
	}
	if size > 0 && waiting+len(list) > size {
		return nil, &FullError{Waiting: waiting, Asked: len(list), Size: size}
	}
	first, err := next(ctx, tx, "queue", int64(len(list)))
	if err != nil {
		return nil, err
	}
	var values [][]any
	var entries []Entry
	stored := slices.Clone(list)
	for i := range stored {
		w := &stored[i]
		w.Seq, w.At, w.Tries, w.By = first+int64(i), now, 0, text(w.By, maxAsker)
		values = append(values, []any{w.Bead, w.Seq, w.Rig, w.Priority, encodeSling(w.Options), w.Tries, w.By, stamp(now)})
		entries = append(entries, Entry{At: now, Kind: Queued, Subject: w.Bead, Actor: w.By, Detail: "for a polecat of " + w.Rig, Data: data("rig", w.Rig)})
	}
	if err := write(ctx, tx, doltdb.Insert, "work_queue", queueColumns, values); err != nil {
		return nil, err
	}
	return stored, s.note(ctx, tx, entries...)
}

const queueColumns = "bead, seq, rig, priority, options, tries, asked_by, at"

func scanWaiting(rows interface{ Scan(...any) error }) (w Waiting, err error) {
	var options string
	if err := rows.Scan(&w.Bead, &w.Seq, &w.Rig, &w.Priority, &options, &w.Tries, &w.By, &w.At); err != nil {
		return w, err
	}
	return w, w.checked(options)
}

// checked fills in what has to be checked first.
func (w *Waiting) checked(options string) (err error) {
	w.At = w.At.UTC()
	if w.Options, err = decodeSling(options); err == nil {
		err = w.Check()
	}
	if err != nil {
		return spoilt{fmt.Errorf("entry %d of the queue: %w", w.Seq, err)}
	}
	return nil
}

// takeQueued removes an entry that becomes an assignment.
func takeQueued(ctx context.Context, tx *doltdb.Tx, bead string, seq int64) (o town.Sling, by string, err error) {
	w, err := scanWaiting(tx.QueryRow(ctx, "SELECT "+queueColumns+" FROM work_queue WHERE bead = ? AND seq = ?", bead, seq))
	if errors.Is(err, doltdb.ErrNoRows) {
		return o, "", ErrUnqueued
	}
	if err == nil {
		_, err = tx.Exec(ctx, "DELETE FROM work_queue WHERE bead = ?", bead)
	}
	return w.Options, w.By, err
}

// Unqueue takes entries out of the queue, in one transaction, and returns those
// that were there with their number: an entry made anew meanwhile stays.
func (s *Store) Unqueue(ctx context.Context, list []Waiting, why, actor string, now time.Time) (gone []Waiting, err error) {
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		gone = nil
		var entries []Entry
		for _, w := range list {
			n, err := tx.Exec(ctx, "DELETE FROM work_queue WHERE bead = ? AND seq = ?", w.Bead, w.Seq)
			if err != nil {
				return err
			}
			if n > 0 {
				gone = append(gone, w)
				entries = append(entries, Entry{At: now, Kind: Unqueued, Subject: w.Bead, Actor: actor, Detail: why, Data: data("rig", w.Rig)})
			}
		}
		return s.note(ctx, tx, entries...)
	})
	return gone, explainWork("clear the queue", err)
}
