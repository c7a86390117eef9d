package flags

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gastown/town"
)

// dateUnits are the units of a relative date.
var dateUnits = map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

// maxRelative bounds the number of a relative date.
const maxRelative = 100_000

// ParseDate is parseDate that refuses a time which the ledger cannot hold.
func ParseDate(s string, now time.Time) (time.Time, error) {
	t, err := parseDate(s, now)
	if err != nil {
		return t, err
	}
	return t, town.CheckTime("a date", t)
}

// parseDate parses a time as people write it: RFC 3339; a day with or without a
// time of day, in the zone of now; today, tomorrow, yesterday or now; a distance
// from now such as +2d, -6h or 3w; or as people say it, see saying.
func parseDate(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch strings.ToLower(s) {
	case "now":
		return now, nil
	case "today":
		return midnight, nil
	case "tomorrow":
		return midnight.AddDate(0, 0, 1), nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, form := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return t, nil
		}
	}
	if n := len(s); n > 1 {
		if unit, ok := dateUnits[s[n-1]]; ok {
			if count, err := strconv.Atoi(strings.TrimPrefix(s[:n-1], "+")); err == nil && count >= -maxRelative && count <= maxRelative {
				return now.Add(time.Duration(count) * unit), nil
			}
		}
	}
	switch t, ok, err := saying(s, now); {
	case err != nil:
		return t, err
	case ok:
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%w: %q is not a date: write 2026-01-31, 2026-01-31T15:04:05Z, tomorrow, +2d, -6h, next monday or in 2 weeks",
		town.ErrUsage, town.Clip(s, 40))
}

// Date is a flag that holds a time. "" means that it was not given.
type Date struct {
	Name, Text string
}

// At is the time; the zero time when the flag was not given. Relative times count
// from now.
func (f Date) At(now time.Time) (time.Time, error) {
	if f.Text == "" {
		return time.Time{}, nil
	}
	t, err := parseDate(f.Text, now)
	if err != nil {
		return t, fmt.Errorf("--%s: %w", f.Name, err)
	}
	return t, town.CheckTime("--"+f.Name, t)
}

// Optional is At, with nil when the flag was not given.
func (f Date) Optional(now time.Time) (*time.Time, error) {
	t, err := f.At(now)
	if err != nil || t.IsZero() {
		return nil, err
	}
	return &t, nil
}
