package commands

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gastown/town"
)

// A new server admits a burst at once. Then commands wait for their turn, and one
// whose turn would come too late is refused at once.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(Limits{Rate: 1, Burst: 2})
		for n, c := range []struct {
			wait, took time.Duration
			err        error
		}{
			{wait: time.Minute}, {wait: time.Minute}, {wait: time.Second / 2, err: errRate}, {wait: time.Minute, took: time.Second},
		} {
			began := time.Now()
			leave, err := p.enter(t.Context(), "bd", c.wait, func(string) {})
			if err == nil {
				leave()
			}
			if took := time.Since(began); took != c.took || !errors.Is(err, c.err) {
				t.Errorf("command %d: %s, %v", n+1, took, err)
			}
		}
	})
}

// Commands that wait for a place get it in the order they came, and one that gives
// up is passed over.
func TestPlacesAreGivenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(Limits{Concurrent: map[string]int{"bd": 1}})
		enter := func(wait time.Duration) (func(), error) {
			return p.enter(t.Context(), "bd", wait, func(string) {})
		}
		first, err := enter(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var came []int // by one goroutine at a time: there is one place
		for i := range 12 {
			wait := time.Minute
			if i%3 == 1 {
				wait = time.Second
			}
			go func() {
				leave, err := enter(wait)
				switch {
				case err == nil:
					came = append(came, i)
					leave()
				case i%3 != 1 || !errors.Is(err, town.ErrBusy):
					t.Errorf("%d: %v", i, err)
				}
			}()
			synctest.Wait()
		}
		time.Sleep(2 * time.Second) // the bubble's clock: some give up
		first()
		synctest.Wait()
		if want := []int{0, 2, 3, 5, 6, 8, 9, 11}; !slices.Equal(came, want) {
			t.Errorf("they came as %v, want %v", came, want)
		}
	})
}
