package callers

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Writers never overlap, each is told apart by its name, and all get their turn.
func TestTurnsDoNotOverlap(t *testing.T) {
	turn := NewTurn()
	var wg sync.WaitGroup
	n := 0 // guarded by the turn
	for i := range 200 {
		wg.Go(func() {
			name := strconv.Itoa(i)
			pass, err := turn.Take(t.Context(), time.Now().Add(time.Minute), name, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer pass()
			if n++; turn.Writer() != name {
				t.Errorf("the turn is %q's, want %q", turn.Writer(), name)
			}
		})
	}
	wg.Wait()
	if n != 200 || turn.Writer() != "" {
		t.Errorf("%d turns, and %q has it", n, turn.Writer())
	}
}

// A wait for the turn ends at the deadline or with the context.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := NewTurn()
		pass, err := turn.Take(t.Context(), time.Now(), "first", nil)
		if err != nil {
			t.Fatal(err)
		}
		began, told, over := time.Now(), 0, 0
		waiting := func() func() { told++; return func() { over++ } }
		if _, err := turn.Take(t.Context(), began.Add(time.Second), "second", waiting); !errors.Is(err, ErrTimeout) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := turn.Take(ctx, began.Add(time.Hour), "third", waiting); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if told != 2 || over != 2 {
			t.Errorf("told %d times of a wait, and %d times that it is over", told, over)
		}
		pass()
		pass, err = turn.Take(t.Context(), time.Now(), "fourth", waiting)
		if err != nil || told != 2 {
			t.Errorf("a free turn was waited for: %v", err)
		}
		pass()
	})
}

// A turn that is free is taken, although the time to wait for it is over.
func TestAFreeTurnIsTakenLate(t *testing.T) {
	for range 100 { // the order in which the two are noticed is up to chance
		turn := NewTurn()
		pass, err := turn.Take(t.Context(), time.Now(), "first", nil)
		if err != nil {
			t.Fatal(err)
		}
		free := func() func() { pass(); return func() {} }
		if _, err := turn.Take(t.Context(), time.Now().Add(-time.Second), "second", free); err != nil {
			t.Fatal(err)
		}
	}
}

// Close waits for the operations under way, and no other begins.
func TestCloseWaitsForUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := NewUsers()
		for range 2 {
			if !u.Enter() {
				t.Fatal("nobody may enter")
			}
		}
		u.Leave()
		began := time.Now()
		if u.Close(time.Second) || time.Since(began) != time.Second {
			t.Errorf("closed after %v although one is at work", time.Since(began))
		}
		time.AfterFunc(time.Second, u.Leave)
		if u.Enter() {
			t.Error("one entered after Close")
		}
		if !u.Close(time.Minute) || time.Since(began) != 2*time.Second {
			t.Errorf("closed after %v", time.Since(began))
		}
	})
}
