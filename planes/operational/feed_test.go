package operational

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gastown/planes/doltdb"
	"gastown/town"
)

func entry(n int) Entry {
	return Entry{At: noon.Add(time.Duration(n) * time.Second), Kind: "test", Subject: "s", Detail: fmt.Sprint(n)}
}

func entries(from, to int) (all []Entry) {
	for n := from; n <= to; n++ {
		all = append(all, entry(n))
	}
	return all
}

func (s *Store) mustAppend(t *testing.T, all ...Entry) {
	t.Helper()
	if _, err := s.Append(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
}

func (s *Store) mustRead(t *testing.T, reader string, limit int) Page {
	t.Helper()
	p, err := s.ReadFeed(t.Context(), reader, limit)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func details(p Page) string {
	var all []string
	for _, e := range p.Entries {
		all = append(all, e.Detail)
	}
	return strings.Join(all, " ")
}

func TestEntriesAreNumberedAndWhole(t *testing.T) {
	s, dir := create(t)
	before := head(t, s)
	e := Entry{At: noon, Kind: "bead.closed", Subject: "gt-a", Actor: "ada", Detail: "ein ä \xff", Data: `{"old":"open"}`}
	if last, err := s.Append(t.Context(), e, entry(1)); err != nil || last != 2 {
		t.Fatalf("%d, %v", last, err)
	}
	if last, err := s.Append(t.Context()); err != nil || last != 0 {
		t.Errorf("nothing was appended as %d, %v", last, err)
	}
	s = reopen(t, s, dir)
	s.mustAppend(t, entry(2))
	p, err := s.FeedAfter(t.Context(), 0, 10)
	e.Seq, e.Detail = 1, "ein ä \ufffd"
	one, two := entry(1), entry(2)
	one.Seq, two.Seq = 2, 3
	if diff := cmp.Diff(Page{Entries: []Entry{e, one, two}, Next: 3}, p); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if head(t, s) != before {
		t.Error("an entry made a commit")
	}
	if seq, err := s.FeedSince(t.Context(), noon.Add(time.Second)); err != nil || seq != 1 {
		t.Errorf("%d, %v", seq, err)
	}
	if seq, err := s.FeedSince(t.Context(), noon.Add(time.Hour)); err != nil || seq != 3 {
		t.Errorf("%d, %v", seq, err)
	}
	if _, err := s.Append(t.Context(), entry(3), Entry{At: noon, Data: strings.Repeat("x", MaxData+1)}); err == nil {
		t.Error("too much data was taken")
	}
	if p, err := s.FeedAfter(t.Context(), 3, 10); err != nil || len(p.Entries) != 0 || p.Next != 3 {
		t.Errorf("half of a failed call is there: %+v, %v", p, err)
	}
}

func TestCursorsAreAcknowledged(t *testing.T) {
	s, dir := create(t)
	if p := s.mustRead(t, "early", 10); len(p.Entries) != 0 || p.Next != 0 {
		t.Errorf("%+v", p)
	}
	s.mustAppend(t, entries(1, 5)...)
	for range 2 { // the same ones come until they are acknowledged
		if p := s.mustRead(t, "early", 3); details(p) != "1 2 3" || p.Next != 3 || p.Loss != nil {
			t.Errorf("%+v", p)
		}
	}
	if err := s.Acknowledge(t.Context(), "early", 3); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir)
	for _, seq := range []int64{3, 1, 0} { // never back
		if err := s.Acknowledge(t.Context(), "early", seq); err != nil {
			t.Fatal(err)
		}
	}
	if p := s.mustRead(t, "early", 10); details(p) != "4 5" {
		t.Errorf("%+v", p)
	}
	if p := s.mustRead(t, "late", 10); details(p) != "1 2 3 4 5" {
		t.Errorf("%+v", p)
	}
	if err := s.Seek(t.Context(), "late", 1<<40); err != nil {
		t.Fatal(err)
	}
	if p := s.mustRead(t, "late", 10); details(p) != "" {
		t.Errorf("%+v", p)
	}
	if err := errors.Join(s.Seek(t.Context(), "late", 4), s.DropReader(t.Context(), "early")); err != nil {
		t.Fatal(err)
	}
	if p := s.mustRead(t, "late", 10); details(p) != "5" {
		t.Errorf("%+v", p)
	}
	if p := s.mustRead(t, "early", 10); details(p) != "1 2 3 4 5" {
		t.Errorf("%+v", p)
	}
	for _, bad := range []string{"", strings.Repeat("x", maxReader+1)} {
		if _, err := s.ReadFeed(t.Context(), bad, 1); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestAReaderThatWasBehindIsTold(t *testing.T) {
	s, _ := create(t)
	s.Retain(Retention{Rows: 40})
	s.mustAppend(t, entries(1, 10)...)
	if err := s.Acknowledge(t.Context(), "slow", 4); err != nil {
		t.Fatal(err)
	}
	s.mustRead(t, "idle", 1) // known from now on, with nothing acknowledged
	for n := 11; n <= 60; n += 7 {
		s.mustAppend(t, entries(n, min(n+6, 60))...)
		st, err := s.FeedState(t.Context())
		if rows := st.Last - st.Dropped; err != nil || rows > 40 || rows < 10 {
			t.Fatalf("%d rows, %v", rows, err)
		}
	}
	st, err := s.FeedState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := s.mustRead(t, "slow", 100)
	if p.Loss == nil || p.Loss.Count != st.Dropped-4 || !p.Loss.After.Equal(entry(4).At) || !p.Loss.Until.Equal(entry(int(st.Dropped)).At) {
		t.Errorf("%+v of %+v", p.Loss, st)
	}
	if int64(len(p.Entries)) != 60-st.Dropped || p.Entries[0].Seq != st.Dropped+1 {
		t.Errorf("%s", details(p))
	}
	if p := s.mustRead(t, "idle", 100); p.Loss == nil || p.Loss.Count != st.Dropped || !p.Loss.After.IsZero() {
		t.Errorf("%+v", p.Loss)
	}
	if p := s.mustRead(t, "new", 100); p.Loss != nil || int64(len(p.Entries)) != 60-st.Dropped {
		t.Errorf("%+v", p)
	}
	if err := s.Acknowledge(t.Context(), "slow", p.Next); err != nil {
		t.Fatal(err)
	}
	if p := s.mustRead(t, "slow", 100); p.Loss != nil || len(p.Entries) != 0 {
		t.Errorf("told twice: %+v", p)
	}
}

func TestOldEntriesGo(t *testing.T) {
	s, _ := create(t)
	s.Retain(Retention{Age: time.Minute})
	s.mustAppend(t, entries(1, 5)...)
	s.mustAppend(t, entry(50))
	s.mustAppend(t, entry(63)) // 1 and 2 are older by more than a minute
	if st, err := s.FeedState(t.Context()); err != nil || st.Dropped != 2 || st.Last != 7 {
		t.Errorf("%+v, %v", st, err)
	}
	if n, err := s.Prune(t.Context(), noon.Add(time.Hour)); err != nil || n != 5 {
		t.Errorf("%d, %v", n, err)
	}
	s.mustAppend(t, entry(100)) // numbers go on
	if p, err := s.FeedAfter(t.Context(), 7, 10); err != nil || details(p) != "100" || p.Entries[0].Seq != 8 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestMoreThanTheFeedHolds(t *testing.T) {
	s, _ := create(t)
	s.Retain(Retention{Rows: 20})
	s.mustAppend(t, entries(1, 3)...)
	if err := s.Acknowledge(t.Context(), "r", 2); err != nil {
		t.Fatal(err)
	}
	s.mustAppend(t, entries(4, 53)...)
	p := s.mustRead(t, "r", 100)
	if len(p.Entries) != 20 || p.Entries[0].Detail != "34" || p.Entries[19].Seq != 53 || p.Loss == nil || p.Loss.Count != 31 ||
		!p.Loss.Until.Equal(entry(33).At) {
		t.Errorf("%+v %+v", p, p.Loss)
	}
}

func TestAJoinIsMadeOnce(t *testing.T) {
	s, dir := create(t)
	if _, err := s.Join(t.Context(), "", "c1", Arrival{Entries: entries(1, 2)}); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir)
	if _, err := s.Join(t.Context(), "", "c1", Arrival{Entries: entries(1, 2)}); !errors.Is(err, ErrMoved) {
		t.Errorf("joined twice: %v", err)
	}
	// One that fails leaves neither rows nor the commit.
	if _, err := s.Join(t.Context(), "c1", "c2", Arrival{Entries: []Entry{entry(3), {Data: strings.Repeat("x", MaxData+1)}}}); err == nil {
		t.Error("too much data was taken")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Join(ctx, "c1", "c2", Arrival{Entries: entries(3, 3)}); err == nil {
		t.Error("a cancelled call was carried out")
	}
	if st, err := s.FeedState(t.Context()); err != nil || st.Ledger != "c1" || st.Last != 2 {
		t.Errorf("%+v, %v", st, err)
	}
	if _, err := s.Join(t.Context(), "c1", "c2", Arrival{}); err != nil {
		t.Error(err)
	}
	if st, err := s.FeedState(t.Context()); err != nil || st.Ledger != "c2" || st.Last != 2 {
		t.Errorf("%+v, %v", st, err)
	}
}

// What the former version recorded comes first, whether it is in a commit or not.
func TestEventsOfTheFormerVersion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "operational")
	db, err := doltdb.CreateStore(t.Context(), options(dir), uuid, migrations[:2])
	if err != nil {
		t.Fatal(err)
	}
	add := func(id, detail string, second int) func(tx *doltdb.Tx) error {
		return func(tx *doltdb.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO events (id, at, kind, subject, detail) VALUES (?, ?, 'check', 'disk', ?)",
				id, stamp(entry(second).At), detail)
			return err
		}
	}
	_, err = db.Update(t.Context(), "committed", add("b", "first", 1))
	err = errors.Join(err, db.Write(t.Context(), add("a", "second", 2)), db.Close())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if p := s.mustRead(t, "early", 10); len(p.Entries) != 0 || p.Loss != nil {
		t.Errorf("%+v", p)
	}
	s.mustAppend(t, entry(3))
	if p := s.mustRead(t, "early", 10); details(p) != "first second 3" || p.Entries[0].Kind != "check" || !p.Entries[0].At.Equal(entry(1).At) {
		t.Errorf("%+v", p)
	}
	if n, err := s.Prune(t.Context(), noon); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
}

// Commits retain reviews and nothing else: the history does not grow with
// entries and heartbeats, and a collection frees what was replaced.
func TestCommitsRetainOnlyReviews(t *testing.T) {
	s, dir := create(t)
	for n := range 3 {
		s.mustAppend(t, entry(n))
		if err := s.Record(t.Context(), Batch{Heartbeats: []Heartbeat{{Agent: "a", At: noon}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Reviews(t.Context(), []Review{review(fmt.Sprint("role", n))}, noon); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		err := s.db.View(t.Context(), func(tx *doltdb.Tx) error {
			for table, want := range map[string]int{"feed": 0, "feed_state": 0, "heartbeats": 0, "pending_reviews": 1} {
				var n int
				if err := tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM "+table+" AS OF 'HEAD'").Scan(&n); err != nil {
					return err
				}
				if n != want {
					t.Errorf("the newest commit has %d rows of %s, want %d", n, table, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if p, err := s.FeedAfter(t.Context(), 0, 10); err != nil || details(p) != "0 1 2" {
			t.Errorf("%+v, %v", p, err)
		}
	}
	check()
	if err := s.GC(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir)
	check()
}
