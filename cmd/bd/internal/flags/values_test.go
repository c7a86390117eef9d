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
		"2026-01-31T07:08:09Z": "2026-01-31T07:08:09Z", "2026-01-31 07:08": "2026-01-31T07:08:00+02:00",
		"+2d": "2026-03-12T15:04:05+02:00", "2d": "2026-03-12T15:04:05+02:00", "-6h": "2026-03-10T09:04:05+02:00", "-1w": "2026-03-03T15:04:05+02:00",
	} {
		got, err := parseDate(in, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s is %s, %v; want %s", in, got.Format(time.RFC3339), err, want)
		}
	}
	for _, in := range []string{"", "soon", "2026-02-30", "d", "+d", "1e9d", "9999999999d", "--2d", "2026-01-31T25:00:00Z", "5m"} {
		if got, err := parseDate(in, now); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%q is %s, %v", in, got, err)
		}
	}
}
