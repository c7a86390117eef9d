package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// callers is how many commands use one Store at once in these tests.
const callers = 40

// errands is what one caller does: it makes a bead, changes it, comments on it and
// reads it. It returns the bead's id.
func errands(ctx context.Context, s *Store, who string) (id string, err error) {
	made, err := s.Create(ctx, []NewBead{titled("of " + who)})
	if err != nil {
		return "", err
	}
	id = made[0].ID
	assignee := who
	if _, err := s.Update(ctx, []Patch{{ID: id, Assignee: &assignee}}); err != nil {
		return id, err
	}
	if _, err := s.Comment(ctx, id, "said by "+who); err != nil {
		return id, err
	}
	got, err := s.Get(ctx, []string{id}, nil)
	if err != nil {
		return id, err
	}
	if got[0].CreatedBy != who || got[0].Assignee != who || len(got[0].Comments) != 1 || got[0].Comments[0].Author != who {
		return id, fmt.Errorf("%s sees %+v", who, got[0])
	}
	return id, nil
}

// Many commands of different people use one Store at once. What each writes is
// under its own name, and each counts its own queries and no others.
func TestOneStoreServesManyActors(t *testing.T) {
	s := newLedger(t)
	alone := s.As(Session{Actor: town.Actor{Name: "alone", Email: "alone@example.com"}})
	if _, err := errands(t.Context(), alone, "alone"); err != nil {
		t.Fatal(err)
	}
	before := s.Queries()
	ids := make([]string, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			who := fmt.Sprintf("person%d", i)
			v := s.As(Session{Actor: town.Actor{Name: who, Email: who + "@example.com"}, Command: "bd of " + who, Wait: time.Minute})
			var err error
			if ids[i], err = errands(t.Context(), v, who); err != nil {
				t.Errorf("%s: %v", who, err)
			}
			if v.Queries() != alone.Queries() {
				t.Errorf("%s counts %d queries; alone they are %d", who, v.Queries(), alone.Queries())
			}
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s.Queries() != before {
		t.Errorf("the Store counts %d queries of its views", s.Queries()-before)
	}
	for i, id := range ids {
		who := fmt.Sprintf("person%d", i)
		events, err := s.History(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Actor != who {
				t.Errorf("%s did %q to the bead of %s", e.Actor, e.Kind, who)
			}
		}
		var author string
		err = s.db.View(t.Context(), func(tx *doltdb.Tx) error {
			return tx.QueryRow(t.Context(), "SELECT author FROM dolt_log WHERE message = ?", "comment on "+id).Scan(&author)
		})
		if err != nil || author != who {
			t.Errorf("the commit of %s is by %q, %v", who, author, err)
		}
	}
}

// Views share the caches: what one read is not read again for another, and what
// one wrote is seen by all at once.
func TestViewsShareCaches(t *testing.T) {
	s := newLedger(t)
	s.Cached(NewCaches(0, 0))
	if s.fingerprint.generation == nil {
		return // Get uses no cache for a database on another server
	}
	a, b := s.As(Session{Actor: town.Actor{Name: "a"}}), s.As(Session{Actor: town.Actor{Name: "b"}})
	id := create(t, a, titled("first"))[0].ID
	read := func(s *Store, want string) int64 {
		t.Helper()
		before := s.Queries()
		got, err := s.Get(t.Context(), []string{id}, nil)
		if err != nil || got[0].Title != want {
			t.Fatalf("%+v, %v", got, err)
		}
		return s.Queries() - before
	}
	if n, m := read(a, "first"), read(b, "first"); n != 1 || m != 0 {
		t.Errorf("%d queries by one view, %d by the next", n, m)
	}
	title := "second"
	if _, err := b.Update(t.Context(), []Patch{{ID: id, Title: &title}}); err != nil {
		t.Fatal(err)
	}
	if n, m := read(a, "second"), read(s, "second"); n != 1 || m != 0 {
		t.Errorf("after a write: %d queries by a view, %d by the Store", n, m)
	}
}

// A view's bound on one read is not its neighbour's, although both read the same.
func TestBoundsAreEachViewsOwn(t *testing.T) {
	s := newLedger(t)
	s.Cached(NewCaches(0, 0))
	large := titled("large")
	large.Description = strings.Repeat("x", 10_000)
	create(t, s, large, large, large)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			bounded := i%2 == 0
			v := s.As(Session{})
			if bounded {
				v = s.As(Session{MaxText: 15_000})
			}
			err := v.List(t.Context(), Filter{Limit: 10}, func(Item) error { return nil })
			// A bounded view may also get the whole answer from the cache.
			if err != nil && !(bounded && errors.Is(err, ErrTooMuch)) {
				t.Errorf("bounded %v: %v", bounded, err)
			}
		})
	}
	wg.Wait()
}

// A writer that has waited long enough says who writes.
func TestWritersOfOneStoreWaitForEachOther(t *testing.T) {
	s := newLedger(t)
	slow := s.As(Session{Actor: town.Actor{Name: "slow"}, Command: "bd import", Wait: time.Minute})
	writing, finish := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		err := slow.write(t.Context(), "slow", func(txn) error { close(writing); <-finish; return nil })
		if err != nil {
			t.Error(err)
		}
	})
	<-writing
	var v *Store
	what := ""
	for wait := 1500 * time.Millisecond; what == "" && wait < time.Minute; wait *= 2 { // a busy machine may tell too late
		told := make(chan string, 1)
		v = s.As(Session{Wait: wait, Waiting: func(what string) { told <- what }})
		_, err := v.Create(t.Context(), []NewBead{titled("late")})
		if !errors.Is(err, town.ErrBusy) || !strings.Contains(err.Error(), "bd import") {
			t.Errorf("%v", err)
		}
		select {
		case what = <-told:
		default:
		}
	}
	if !strings.Contains(what, "bd import") {
		t.Errorf("told %q", what)
	}
	if _, err := v.Stats(t.Context()); err != nil {
		t.Errorf("a reader waits for a writer: %v", err)
	}
	close(finish)
}

// Closing the Store waits for a write under way, ends its views, and closing a
// view ends nothing.
func TestClosingTheStoreEndsItsViews(t *testing.T) {
	dir := t.TempDir() + "/data/ledger"
	s, err := Create(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	v := s.As(Session{Actor: town.Actor{Name: "ada"}})
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	create(t, v, titled("after a view was closed"))
	writing := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := v.write(t.Context(), "slow", func(q txn) error {
			close(writing)
			for !errors.Is(s.ReadAll(t.Context()), town.ErrBusy) { // until Close has begun
				time.Sleep(time.Millisecond)
			}
			_, err := q.exec(t.Context(), "REPLACE INTO guards (name, value) VALUES ('late', 'x')")
			return err
		})
		if err != nil {
			t.Errorf("the write under way: %v", err)
		}
	})
	<-writing
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := v.Get(t.Context(), []string{"gt-x"}, nil); !errors.Is(err, town.ErrBusy) {
		t.Errorf("a view of a closed Store: %v", err)
	}
	if _, err := v.Create(t.Context(), []NewBead{titled("too late")}); !errors.Is(err, town.ErrBusy) {
		t.Errorf("a write through a view of a closed Store: %v", err)
	}
}
