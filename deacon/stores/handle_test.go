package stores

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// thing is a store that knows whether it is open.
type thing struct{ closed atomic.Bool }

func (s *thing) Close() error {
	if s.closed.Swap(true) {
		return errors.New("closed twice")
	}
	return nil
}

func things(opened *atomic.Int32) *handle[*thing] {
	return newHandle(func(context.Context) (*thing, error) {
		time.Sleep(10 * time.Millisecond)
		opened.Add(1)
		return new(thing), nil
	})
}

func TestAStoreIsOpenedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened atomic.Int32
		h := things(&opened)
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() {
				s, release, err := h.use(t.Context())
				if err != nil || s.closed.Load() {
					t.Errorf("%v", err)
				}
				time.Sleep(time.Millisecond)
				release()
				release() // a second time does nothing
			})
		}
		wait.Wait()
		if opened.Load() != 1 {
			t.Errorf("opened %d times", opened.Load())
		}
		if err := <-h.retire(t.Context()); err != nil {
			t.Error(err)
		}
		if _, _, err := h.use(t.Context()); err != nil || opened.Load() != 2 {
			t.Errorf("%v, opened %d times", err, opened.Load())
		}
	})
}

// A retired store is closed after its last use, and new users get another one.
func TestARetiredStoreServesItsUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened atomic.Int32
		h := things(&opened)
		first, release, err := h.use(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		closed := h.retire(t.Context())
		second, releaseSecond, err := h.use(t.Context())
		if err != nil || second == first || first.closed.Load() {
			t.Errorf("%v", err)
		}
		release()
		if err := <-closed; err != nil || !first.closed.Load() || second.closed.Load() {
			t.Errorf("%v", err)
		}
		// Uses that do not end in time are cut off.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := <-h.retire(ctx); err != nil || !second.closed.Load() {
			t.Errorf("%v", err)
		}
		releaseSecond()
	})
}

// While a handle is blocked nothing is open, including a store that was just being
// opened.
func TestABlockedStoreIsNotOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened atomic.Int32
		h := things(&opened)
		failed := make(chan error)
		go func() { _, _, err := h.use(t.Context()); failed <- err }()
		synctest.Wait() // it is opening
		if err := <-h.block(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-failed; !errors.Is(err, errBlocked) {
			t.Error(err)
		}
		if _, _, err := h.use(t.Context()); !errors.Is(err, errBlocked) {
			t.Error(err)
		}
		h.unblock()
		_, release, err := h.use(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		release()
		// A store that was being opened when the handle was retired has a single
		// user.
		<-h.retire(t.Context())
		got := make(chan *thing)
		go func() {
			s, release, _ := h.use(t.Context())
			got <- s
			release()
		}()
		synctest.Wait()
		<-h.retire(t.Context())
		s := <-got
		other, _, err := h.use(t.Context())
		if err != nil || other == s {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if !s.closed.Load() || other.closed.Load() {
			t.Error("the store that came too late is still open")
		}
	})
}
