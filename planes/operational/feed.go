package operational

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// feedSchema holds the Town's stream of events. Each row has the number after
// the one before it, so counting needs no query. The row of feed_state is made
// with the first entry.
var feedSchema = doltdb.Migration{
	Name: "feed",
	Statements: []string{
		`CREATE TABLE feed (
			seq BIGINT PRIMARY KEY, at DATETIME(6) NOT NULL, kind VARCHAR(64) NOT NULL, subject VARCHAR(255) NOT NULL,
			actor VARCHAR(255) NOT NULL, detail VARCHAR(512) NOT NULL, data VARCHAR(4096) NOT NULL)`,
		`CREATE TABLE feed_cursors (
			reader VARCHAR(128) PRIMARY KEY, seq BIGINT NOT NULL, at DATETIME(6) NOT NULL)`,
		`CREATE TABLE feed_state (
			id TINYINT PRIMARY KEY, last_seq BIGINT NOT NULL, dropped_seq BIGINT NOT NULL, dropped_at DATETIME(6) NOT NULL,
			ledger_commit VARCHAR(64) NOT NULL)`,
	},
}

// Limits of an entry, in bytes; longer texts are cut. Data is never cut: longer
// data is an error.
const (
	maxKind, maxSubject, maxActor, maxDetail = 60, 250, 250, 500
	// MaxData is how long Entry.Data may be, in bytes.
	MaxData = 4096
)

// The bounds of the feed where a Retention names none.
const (
	defaultRows = 50_000              // rows
	defaultAge  = 30 * 24 * time.Hour // by the newest entry's clock
	// trimShare is the part of the rows that goes when there are too many, so that
	// not every entry has to remove one.
	trimShare = 20
)

// Retention bounds the feed. Whichever bound is met first counts, and the oldest
// entries go.
type Retention struct {
	// Rows is how many entries there may be; 0 means 50,000.
	Rows int64
	// Age is how much older than the newest entry one may be; 0 means 30 days. An
	// entry may exceed it until the next one is appended or Prune runs.
	Age time.Duration
}

func (r Retention) withDefaults() Retention {
	if r.Rows <= 0 {
		r.Rows = defaultRows
	}
	if r.Age <= 0 {
		r.Age = defaultAge
	}
	return r
}

// Retain sets the bounds of the feed for what this Store appends. Call it before
// the Store is shared.
func (s *Store) Retain(r Retention) { s.retention = r }

// Rows is how many entries the feed may have.
func (s *Store) Rows() int64 { return s.retention.withDefaults().Rows }

// Entry is one row of the feed.
type Entry struct {
	// Seq is given when the entry is appended: one more than the entry before.
	Seq int64
	At  time.Time
	// Kind says what happened, Subject to what, Actor who did it, Detail the same in
	// one line for people. Data is a JSON object for programs, or "".
	Kind, Subject, Actor, Detail, Data string
}

// FeedState says where the feed stands.
type FeedState struct {
	// Last is the number of the newest entry ever appended; 0 before the first.
	Last int64
	// Dropped is the number of the newest entry that was removed, and DroppedAt its
	// time. All entries from Dropped+1 to Last are there.
	Dropped   int64
	DroppedAt time.Time
	// Ledger is the commit of the ledger up to which its changes are in the feed; ""
	// before the first.
	Ledger string
}

// Arrival is what Join appends in one transaction.
type Arrival struct {
	Entries []Entry
	// Omitted is how many entries came before Entries and are not appended, because
	// the bounds would remove them at once; OmittedUntil is the time of the newest.
	// They get numbers, so that readers learn of the loss.
	Omitted      int64
	OmittedUntil time.Time
}

// Append adds entries to the feed in their order, in one transaction and without
// a Dolt commit, and returns the number of the last one. They are durable when
// it returns.
func (s *Store) Append(ctx context.Context, entries ...Entry) (last int64, err error) {
	if len(entries) == 0 {
		return 0, nil
	}
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		st, err := s.append(ctx, tx, Arrival{Entries: entries})
		last = st.Last
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("append to the feed: %w", err)
	}
	return last, nil
}

// ErrMoved reports that another process joined the ledger's changes first.
var ErrMoved = errors.New("the feed has joined the ledger up to another commit meanwhile")

// Join appends what the ledger changed between two commits and notes the newer
// one, in one transaction. It fails with ErrMoved, and changes nothing, when
// from is not the commit noted: so no change is joined twice.
func (s *Store) Join(ctx context.Context, from, to string, a Arrival) (last int64, err error) {
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		st, err := readFeedState(ctx, tx)
		if err != nil {
			return err
		}
		if st.Ledger != from {
			return ErrMoved
		}
		if st, err = s.append(ctx, tx, a); err != nil {
			return err
		}
		last = st.Last
		_, err = tx.Exec(ctx, "UPDATE feed_state SET ledger_commit = ? WHERE id = 1", to)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("join the ledger's changes to the feed: %w", err)
	}
	return last, nil
}

// FeedState reads where the feed stands, in one query.
func (s *Store) FeedState(ctx context.Context) (st FeedState, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		st, err = readFeedState(ctx, tx)
		return err
	})
	if err != nil {
		return FeedState{}, fmt.Errorf("read the state of the feed: %w", err)
	}
	return st, nil
}

func readFeedState(ctx context.Context, tx *doltdb.Tx) (st FeedState, err error) {
	err = tx.QueryRow(ctx, "SELECT last_seq, dropped_seq, dropped_at, ledger_commit FROM feed_state WHERE id = 1").
		Scan(&st.Last, &st.Dropped, &st.DroppedAt, &st.Ledger)
	if errors.Is(err, doltdb.ErrNoRows) {
		return FeedState{}, nil
	}
	st.DroppedAt = st.DroppedAt.UTC()
	return st, err
}

// append adds entries within a transaction, and removes the oldest ones that
// the bounds do not allow. It returns the new state.
func (s *Store) append(ctx context.Context, tx *doltdb.Tx, a Arrival) (FeedState, error) {
	keep := s.retention.withDefaults()
	st, err := readFeedState(ctx, tx)
	if err != nil {
		return st, err
	}
	if st.DroppedAt.IsZero() { // no row yet
		if st, err = s.begin(ctx, tx); err != nil {
			return st, err
		}
	}
	if over := int64(len(a.Entries)) - keep.Rows; over > 0 {
		a.Omitted, a.OmittedUntil = a.Omitted+over, a.Entries[over-1].At
		a.Entries = a.Entries[over:]
	}
	if a.Omitted > 0 {
		// Numbers have no gaps, so what comes before the gap goes, too.
		if _, err := tx.Exec(ctx, "DELETE FROM feed WHERE seq <= ?", st.Last); err != nil {
			return st, err
		}
		st.Last += a.Omitted
		st.Dropped, st.DroppedAt = st.Last, a.OmittedUntil
	}
	var values [][]any
	for _, e := range a.Entries {
		st.Last++
		if len(e.Data) > MaxData {
			return st, fmt.Errorf("the data of a %s event have %d bytes, more than %d", town.Clip(e.Kind, maxKind), len(e.Data), MaxData)
		}
		values = append(values, []any{st.Last, stamp(e.At), text(e.Kind, maxKind), text(e.Subject, maxSubject), text(e.Actor, maxActor),
			text(e.Detail, maxDetail), e.Data})
	}
	if err := write(ctx, tx, doltdb.Insert, "feed", "seq, at, kind, subject, actor, detail, data", values); err != nil {
		return st, err
	}
	if st.Last-st.Dropped > keep.Rows {
		if st, err = drop(ctx, tx, st, st.Last-keep.Rows+keep.Rows/trimShare); err != nil {
			return st, err
		}
	}
	if n := len(a.Entries); n > 0 {
		if st, err = dropOlder(ctx, tx, st, a.Entries[n-1].At.Add(-keep.Age)); err != nil {
			return st, err
		}
	}
	return st, writeFeedState(ctx, tx, st)
}

// text makes a string fit its column.
func text(s string, most int) string { return town.Clip(strings.ToValidUTF8(s, "\ufffd"), most) }

// begin makes the feed's state, and takes over what a former version recorded in
// the table events.
func (s *Store) begin(ctx context.Context, tx *doltdb.Tx) (FeedState, error) {
	st := FeedState{DroppedAt: time.Unix(0, 0).UTC()}
	former, err := tx.Exec(ctx, "INSERT INTO feed (seq, at, kind, subject, actor, detail, data)"+
		" SELECT ROW_NUMBER() OVER (ORDER BY at, id), at, kind, subject, '', detail, '' FROM events")
	if err != nil {
		return st, err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM events"); err != nil {
		return st, err
	}
	st.Last = former
	_, err = tx.Exec(ctx, "INSERT INTO feed_state (id, last_seq, dropped_seq, dropped_at, ledger_commit) VALUES (1, ?, ?, ?, '')",
		st.Last, st.Dropped, stamp(st.DroppedAt))
	return st, err
}

func writeFeedState(ctx context.Context, tx *doltdb.Tx, st FeedState) error {
	_, err := tx.Exec(ctx, "UPDATE feed_state SET last_seq = ?, dropped_seq = ?, dropped_at = ? WHERE id = 1",
		st.Last, st.Dropped, stamp(st.DroppedAt))
	return err
}

// drop removes every entry up to a number.
func drop(ctx context.Context, tx *doltdb.Tx, st FeedState, upTo int64) (FeedState, error) {
	if upTo = min(upTo, st.Last); upTo <= st.Dropped {
		return st, nil
	}
	var at time.Time
	if err := tx.QueryRow(ctx, "SELECT at FROM feed WHERE seq = ?", upTo).Scan(&at); err != nil {
		return st, err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM feed WHERE seq <= ?", upTo); err != nil {
		return st, err
	}
	st.Dropped, st.DroppedAt = upTo, at.UTC()
	return st, nil
}

// dropOlder removes the entries before the first one that is not older than a
// time. When the oldest entry is not that old, it costs one point read.
func dropOlder(ctx context.Context, tx *doltdb.Tx, st FeedState, before time.Time) (FeedState, error) {
	var oldest time.Time
	err := tx.QueryRow(ctx, "SELECT at FROM feed WHERE seq = ?", st.Dropped+1).Scan(&oldest)
	if errors.Is(err, doltdb.ErrNoRows) || err == nil && !oldest.Before(before) {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	first, err := firstSince(ctx, tx, st, before)
	if err != nil {
		return st, err
	}
	return drop(ctx, tx, st, first-1)
}

// firstSince is the number of the first entry that is not older than a time, or
// one more than the last entry's.
func firstSince(ctx context.Context, tx *doltdb.Tx, st FeedState, since time.Time) (int64, error) {
	first := st.Last + 1
	err := tx.QueryRow(ctx, "SELECT seq FROM feed WHERE at >= ? ORDER BY seq LIMIT 1", stamp(since)).Scan(&first)
	if errors.Is(err, doltdb.ErrNoRows) {
		err = nil
	}
	return first, err
}

// expire removes the entries that are older than before, and says how many.
func (s *Store) expire(ctx context.Context, tx *doltdb.Tx, before time.Time) (removed int64, err error) {
	st, err := readFeedState(ctx, tx)
	if err != nil || st.Last == st.Dropped {
		return 0, err
	}
	now, err := dropOlder(ctx, tx, st, before)
	if err != nil || now.Dropped == st.Dropped {
		return 0, err
	}
	return now.Dropped - st.Dropped, writeFeedState(ctx, tx, now)
}
