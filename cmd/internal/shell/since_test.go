package shell

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// A time is read in each form in which gt prints one, and an error names the flag.
func TestMoment(t *testing.T) {
	now := time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "90m": now.Add(-90 * time.Minute), "7d": now.AddDate(0, 0, -7), "0s": now,
		"2031-03-09": now.AddDate(0, 0, -1).Add(-12 * time.Hour), "2031-03-10T11:00": now.Add(-time.Hour), "2031-03-10 11:00": now.Add(-time.Hour),
		"2031-03-10T11:00:01": now.Add(-time.Hour + time.Second), "2031-03-10 11:00:01 UTC": now.Add(-time.Hour + time.Second),
		"2031-03-10T12:00:00+01:00": now.Add(-time.Hour),
	} {
		if got, err := Moment("--at", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"tomorrow", "-5m", "-1d", "1w", "12:00", "2031-13-01", "2031-03-10 11:00 CET"} {
		if got, err := Moment("--at", text, now); !errors.Is(err, town.ErrUsage) || strings.Contains(err.Error(), "since") || !strings.Contains(town.Next(err), "--at 2h") {
			t.Errorf("%q: %v, %v, next %s", text, got, err, town.Next(err))
		}
	}
}
