package ticks

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Whenever two begin to wait, they wait for the same moments: whole multiples of the period,
// at most a sixteenth more than one period away and never less than a sixteenth.
func TestUntil(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Hour)).Draw(t, "period"))
		now := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		wait := until(now, period)
		if at := now.Add(wait); !at.Equal(at.Truncate(period)) {
			t.Errorf("%s after %s is no multiple of %s", wait, now, period)
		}
		if least := period / 16; wait < least || wait >= period+least {
			t.Errorf("waits %s for a period of %s", wait, period)
		}
	})
}

// Two who begin to wait at different times are woken at the same one.
func TestNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond)
		one := Next(time.Second)
		time.Sleep(400 * time.Millisecond)
		other := Next(time.Second)
		at := time.Now().Truncate(time.Second).Add(time.Second)
		if a, b := <-one, <-other; !a.Equal(at) || !b.Equal(at) {
			t.Errorf("woken at %s and %s, not at %s", a, b, at)
		}
	})
}
