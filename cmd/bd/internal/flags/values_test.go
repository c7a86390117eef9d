package flags

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

func TestSplit(t *testing.T) {
	got := Split([]string{"a, b,,c", "", " d "})
	if strings.Join(got, "|") != "a|b|c|d" {
		t.Errorf("%q", got)
	}
}

func TestDates(t *testing.T) {
	zone := time.FixedZone("there", 2*3600)
	now := time.Date(2026, 3, 10, 15, 4, 5, 0, zone)
	for in, want := range map[string]string{
		"now": "2026-03-10T15:04:05+02:00", "today": "2026-03-10T00:00:00+02:00", "Tomorrow": "2026-03-11T00:00:00+02:00",
		"yesterday": "2026-03-09T00:00:00+02:00", "2026-01-31": "2026-01-31T00:00:00+02:00",
		"next monday": "2026-03-16T00:00:00+02:00", "on next tue": "2026-03-17T00:00:00+02:00", "Last  Tuesday": "2026-03-03T00:00:00+02:00",
		"next wednesday at 5pm": "2026-03-11T17:00:00+02:00", "last fri 9:30": "2026-03-06T09:30:00+02:00", "last saturday": "2026-03-07T00:00:00+02:00",
		"in 2 weeks": "2026-03-24T15:04:05+02:00", "3 days ago": "2026-03-07T15:04:05+02:00", "an hour ago": "2026-03-10T14:04:05+02:00",
		"a month from now": "2026-04-10T15:04:05+02:00", "in 10 months": "2027-01-10T15:04:05+02:00", "two years ago": "2024-03-10T15:04:05+02:00",
		"in 90 minutes": "2026-03-10T16:34:05+02:00", "tomorrow at 5pm": "2026-03-11T17:00:00+02:00", "today 12:15 am": "2026-03-10T00:15:00+02:00",
		"yesterday at noon": "2026-03-09T12:00:00+02:00", "today 12pm": "2026-03-10T12:00:00+02:00",
		"2026-01-31T07:08:09Z": "2026-01-31T07:08:09Z", "2026-01-31 07:08": "2026-01-31T07:08:00+02:00",
		"+2d": "2026-03-12T15:04:05+02:00", "2d": "2026-03-12T15:04:05+02:00", "-6h": "2026-03-10T09:04:05+02:00", "-1w": "2026-03-03T15:04:05+02:00",
	} {
		got, err := parseDate(in, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s is %s, %v; want %s", in, got.Format(time.RFC3339), err, want)
		}
	}
	for _, in := range []string{"", "soon", "2026-02-30", "d", "+d", "1e9d", "9999999999d", "--2d", "2026-01-31T25:00:00Z", "5m",
		// These have two meanings, or none.
		"monday", "this friday", "on sun at 5pm", "next week", "a few days ago", "in a few days", "3 days", "in 3 days ago", "03/04/2026", "5pm",
		"tomorrow at 25:00", "tomorrow 13pm", "next", "last", "in weeks", "in 99999999999 days", "remind me in 2 days", "next monday or tuesday", "may",
	} {
		if got, err := parseDate(in, now); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%q is %s, %v", in, got, err)
		}
	}
}

// A month later is the last day of a month that is shorter.
func TestMonthsHaveLastDays(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]string{
		"in a month": "2026-02-28", "in 2 months": "2026-03-31", "in 3 months": "2026-04-30", "2 months ago": "2025-11-30", "in 2 years": "2028-01-31",
	} {
		if got, err := parseDate(in, now); err != nil || got.Format(time.DateOnly) != want {
			t.Errorf("%s is %s, %v; want %s", in, got, err, want)
		}
	}
}
