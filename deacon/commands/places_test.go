package commands

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
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
