package operational

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// maxReader is how long the name of a reader may be, in bytes.
const maxReader = 128

// Page is a part of the feed.
type Page struct {
	Entries []Entry
	// Next is where the page after this one begins: the number of the last entry
	// that this page took account of.
	Next int64
	// Loss says what the reader missed before Entries; nil for nothing.
	Loss *Loss
}

// Loss says that entries were removed before a reader came to them.
type Loss struct {
	// Count is how many.
	Count int64 `json:"count"`
	// After is the time of the last entry the reader had before them, or zero if it
	// had none. Until is the time of the newest one lost.
	After time.Time `json:"after,omitzero"`
	Until time.Time `json:"until"`
}

// FeedAfter returns the entries after a number, oldest first, at most limit.
func (s *Store) FeedAfter(ctx context.Context, seq int64, limit int) (p Page, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		st, err := readFeedState(ctx, tx)
		if err == nil {
			p, err = page(ctx, tx, st, place{seq: seq}, limit)
		}
		return err
	})
	return p, explain(err)
}

// FeedSince returns the number before the first entry that is not older than a
// time: what FeedAfter is to be called with. It reads entries from the oldest on.
func (s *Store) FeedSince(ctx context.Context, since time.Time) (seq int64, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		st, err := readFeedState(ctx, tx)
		if err != nil {
			return err
		}
		seq, err = firstSince(ctx, tx, st, since)
		seq--
		return err
	})
	return seq, explain(err)
}

// ReadFeed returns the entries that a reader has not acknowledged, oldest first,
// at most limit. The same ones come again until Acknowledge is called. A reader
// that was never heard of begins at the oldest entry, and is known from then on:
// what is removed before it acknowledges counts as lost.
func (s *Store) ReadFeed(ctx context.Context, reader string, limit int) (p Page, err error) {
	if err := checkReader(reader); err != nil {
		return Page{}, err
	}
	known := false
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		st, err := readFeedState(ctx, tx)
		if err != nil {
			return err
		}
		at, found, err := readPlace(ctx, tx, reader)
		if known = found; err != nil || !found {
			return err
		}
		p, err = page(ctx, tx, st, at, limit)
		return err
	})
	if err == nil && !known {
		err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
			st, err := readFeedState(ctx, tx)
			if err != nil {
				return err
			}
			at, found, err := readPlace(ctx, tx, reader)
			if err == nil && !found {
				at = place{seq: st.Dropped, at: noTime}
				err = at.write(ctx, tx, reader)
			}
			if err == nil {
				p, err = page(ctx, tx, st, at, limit)
			}
			return err
		})
	}
	return p, explain(err)
}

// Acknowledge moves a reader's cursor to a number, in one transaction. It never
// moves it back, so doing it twice does nothing.
func (s *Store) Acknowledge(ctx context.Context, reader string, seq int64) error {
	return s.move(ctx, reader, func(st FeedState, at place, known bool) int64 {
		if known {
			seq = max(seq, at.seq)
		}
		return min(seq, st.Last)
	})
}

// Seek sets a reader's cursor to a number, also back: the reader gets what comes
// after it. A number beyond the last entry means the last one.
func (s *Store) Seek(ctx context.Context, reader string, seq int64) error {
	return s.move(ctx, reader, func(st FeedState, _ place, _ bool) int64 {
		return min(max(seq, st.Dropped), st.Last)
	})
}

// DropReader removes a reader's cursor: the name is unknown from then on.
func (s *Store) DropReader(ctx context.Context, reader string) error {
	return explain(s.db.Write(ctx, func(tx *doltdb.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM feed_cursors WHERE reader = ?", reader)
		return err
	}))
}

func (s *Store) move(ctx context.Context, reader string, to func(st FeedState, at place, known bool) int64) error {
	if err := checkReader(reader); err != nil {
		return err
	}
	return explain(s.db.Write(ctx, func(tx *doltdb.Tx) error {
		st, err := readFeedState(ctx, tx)
		if err != nil {
			return err
		}
		at, known, err := readPlace(ctx, tx, reader)
		if err != nil {
			return err
		}
		next := to(st, at, known)
		if known && next == at.seq {
			return nil
		}
		moved := place{seq: next, at: noTime}
		err = tx.QueryRow(ctx, "SELECT at FROM feed WHERE seq = ?", next).Scan(&moved.at)
		if errors.Is(err, doltdb.ErrNoRows) {
			// It was removed meanwhile, with everything before it.
			if err = nil; next == st.Dropped {
				moved.at = st.DroppedAt
			} else if known {
				moved.at = at.at
			}
		}
		if err != nil {
			return err
		}
		return moved.write(ctx, tx, reader)
	}))
}

// noTime is stored as the time of a cursor that has no entry before it.
var noTime = time.Unix(0, 0).UTC()

// place is where a reader is: the last entry it acknowledged, and its time.
type place struct {
	seq int64
	at  time.Time
}

func readPlace(ctx context.Context, tx *doltdb.Tx, reader string) (at place, known bool, err error) {
	err = tx.QueryRow(ctx, "SELECT seq, at FROM feed_cursors WHERE reader = ?", reader).Scan(&at.seq, &at.at)
	if errors.Is(err, doltdb.ErrNoRows) {
		return place{}, false, nil
	}
	at.at = at.at.UTC()
	return at, err == nil, err
}

func (at place) write(ctx context.Context, tx *doltdb.Tx, reader string) error {
	_, err := tx.Exec(ctx, "REPLACE INTO feed_cursors (reader, seq, at) VALUES (?, ?, ?)", reader, at.seq, stamp(at.at))
	return err
}

// page reads what comes after a place.
func page(ctx context.Context, tx *doltdb.Tx, st FeedState, at place, limit int) (Page, error) {
	p := Page{Next: min(at.seq, st.Last)} // the plane may have been set back
	if lost := st.Dropped - at.seq; lost > 0 {
		p.Next, p.Loss = st.Dropped, &Loss{Count: lost, Until: st.DroppedAt}
		if at.at.After(noTime) {
			p.Loss.After = at.at
		}
	}
	if p.Next >= st.Last {
		return p, nil
	}
	err := tx.Each(ctx, func(rows *doltdb.Rows) error {
		var e Entry
		err := rows.Scan(&e.Seq, &e.At, &e.Kind, &e.Subject, &e.Actor, &e.Detail, &e.Data)
		e.At = e.At.UTC()
		p.Entries, p.Next = append(p.Entries, e), e.Seq
		return err
	}, "SELECT seq, at, kind, subject, actor, detail, data FROM feed WHERE seq > ? ORDER BY seq LIMIT "+strconv.Itoa(max(limit, 0)), p.Next)
	return p, err
}

func checkReader(reader string) error {
	if reader == "" || len(reader) > maxReader {
		return fmt.Errorf("read the feed: %w: the name of a reader has 1 to %d bytes, %q does not", town.ErrUsage, maxReader, town.Clip(reader, 40))
	}
	return nil
}

func explain(err error) error {
	if err != nil {
		return fmt.Errorf("read the feed: %w", err)
	}
	return nil
}
